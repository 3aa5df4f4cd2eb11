-- What a tick heeds beside the schedules: overrides and pauses.

-- name: sight
-- What the statements that follow see at least (`synkron verify`).
select pg_current_snapshot()::text;

-- name: overrides
-- What is set for some of these integrations.
select integration_id, catch_up, catch_up_window, overlap, spread, attempts, backoff, timeout, completion_timeout
from synkron.overrides where integration_id = any($1::text[]);

-- name: pauses
-- Those that have not ended by the moment $1, by themselves or by hand.
select id, org_id, integration_type, integration_id, reason, author, starts_at, until
from synkron.pauses
where ended_at is null and (until is null or until > $1)
order by id;

-- name: hold
-- From the first of its moments that is undecided, an integration is undecided, for the reason $3; an earlier hold stays.
insert into synkron.held (integration_id, since, reason)
select integration_id, min(moment) - interval '1 microsecond', min(reason)
from unnest($1::text[], $2::timestamptz[], $3::text[]) asked (integration_id, moment, reason)
where not exists (
    select from synkron.runs
    where runs.integration_id = asked.integration_id
        and runs.scheduled_for = asked.moment
        and runs.source_class = 'schedule'
)
group by integration_id
on conflict (integration_id) do nothing;

-- name: held
select integration_id from synkron.held where integration_id = any($1::text[]);

-- name: any_held
select exists (select from synkron.held);

-- name: released
-- The rows of held integrations that no pause holds at the moment $1, with the time from which on they are undecided, and
-- why.
-- The id is given its column's own type, ID_TYPE, so that the primary key's index is used. Plan: the pauses are an
-- anti-join; the function pause_over would be called for each row, which costs 100,000 held rows 7 s at every tick.
-- Scans: what is held, and where that is most rows, the tables.
select
    {row},
    {doubled} as doubled,
    h.since as since,
    h.reason as reason
from synkron.held h
cross join {rows}
where i.id = h.integration_id::ID_TYPE
    and not exists (
        select from synkron.pauses p
        where p.ended_at is null
            and p.starts_at <= $1
            and (p.until is null or p.until > $1)
            and (p.org_id is null or p.org_id = i.org_id::text)
            and (p.integration_type is null or p.integration_type = i.integration_type::text)
            and (p.integration_id is null or p.integration_id = i.id::text)
    );

-- name: release
-- Undecided no more; nor is an integration that is not there any more. Plan: the latter are found by a join; asked of
-- each row beside the former, they would be looked up one by one.
-- Scans: what is held, and where that is most rows, the table.
delete from synkron.held
where integration_id = any($1::text[])
    or integration_id in (
        select h.integration_id from synkron.held h
        where not exists (select from {integrations} i where i.{integrations.id} = h.integration_id::ID_TYPE)
    );
