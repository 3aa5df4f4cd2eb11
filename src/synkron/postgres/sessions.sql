-- Synkron's sessions with PostgreSQL.

-- name: settle
-- Sets those of the settings $1 that the server knows to the values $2, for the session. Returns what identifies the
-- session. A process number alone does not: it is used again, and a pooler gives the client one of its own.
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
-- Those of the sessions $1, begun at $2, that are not working on a statement: they are gone, or wait for the client to
-- send more, which may be in the middle of a statement. If the client has waited long ($3), sessions that wait for it
-- to read the answer are included.
select asked.pid, asked.backend_start
from unnest($1::int[], $2::timestamptz[], $3::boolean[]) asked (pid, backend_start, is_long)
left join pg_stat_activity session on session.pid = asked.pid and session.backend_start = asked.backend_start
where session.pid is null
    or session.state like 'idle%'
    or session.wait_event = 'ClientRead'
    or session.wait_event = 'ClientWrite' and asked.is_long;

-- name: end
-- Ends the sessions $1, begun at $2, if they still exist: they may hold locks for a client that has lost contact.
select pg_terminate_backend(session.pid)
from unnest($1::int[], $2::timestamptz[]) asked (pid, backend_start)
join pg_stat_activity session on session.pid = asked.pid and session.backend_start = asked.backend_start;
