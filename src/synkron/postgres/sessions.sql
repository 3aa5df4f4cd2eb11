-- The sessions that Synkron has with PostgreSQL.

-- name: settle
-- Set what the server knows of the settings $1 to the values $2, for the session; answers what tells it from any other.
-- A process number alone does not: it comes again, and a pooler gives one of its own to the client.
select
    pid,
    backend_start,
    (
        select array_agg(set_config(wanted.name, wanted.value, false))
        from unnest($1::text[], $2::text[]) wanted (name, value)
        join pg_settings known on known.name = wanted.name
    ) as settings
from pg_stat_activity
where pid = pg_backend_pid();

-- name: at_rest
-- Of the sessions $1, begun at $2, those that work on no statement: they are gone, or wait for the client to say more, in
-- the middle of a statement too. One that has waited long ($3) may not wait for the client to take the answer, either.
select asked.pid, asked.backend_start
from unnest($1::int[], $2::timestamptz[], $3::boolean[]) asked (pid, backend_start, is_long)
left join pg_stat_activity session on session.pid = asked.pid and session.backend_start = asked.backend_start
where session.pid is null
    or session.state like 'idle%'
    or session.wait_event = 'ClientRead'
    or session.wait_event = 'ClientWrite' and asked.is_long;

-- name: end
-- End the sessions $1, begun at $2, if they are still there: they may hold locks for a client that hears no more of it.
select pg_terminate_backend(session.pid)
from unnest($1::int[], $2::timestamptz[]) asked (pid, backend_start)
join pg_stat_activity session on session.pid = asked.pid and session.backend_start = asked.backend_start;
