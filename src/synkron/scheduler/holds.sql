-- Pauses, and the integrations whose moments stay undecided.

-- name: snapshot
-- The statements that follow see at least this snapshot (`synkron verify`).
select pg_current_snapshot()::text;

-- name: pauses
-- The pauses that have not ended by the moment $1.
select id, org_id, integration_type, integration_id, reason, author, starts_at, until
from synkron.pauses
where {not_over[$1]}
order by id;

-- name: pauses_over
-- Those of them that may hold one of the integrations $2, of the organizations $3 and the types $4. Plan: each list is read
-- once and hashed.
select id, org_id, integration_type, integration_id, reason, author, starts_at, until
from synkron.pauses
where {not_over[$1]}
    and (integration_id is null or integration_id in (select unnest($2::text[])))
    and (org_id is null or org_id in (select unnest($3::text[])))
    and (integration_type is null or integration_type in (select unnest($4::text[])));

-- name: wide_pauses
-- The pauses of everything and of whole types that are in effect at $1.
select id, org_id, integration_type, integration_id, reason, author, starts_at, until
from synkron.pauses
where {in_effect[$1]} and org_id is null and integration_id is null
order by id;

-- name: is_paused
-- Whether a pause of exactly the organization $2, the type $3 and the integration $4 is in effect at $1.
select exists (
    select from synkron.pauses
    where {in_effect[$1]}
        and org_id is not distinct from $2
        and integration_type is not distinct from $3
        and integration_id is not distinct from $4
);

-- name: in_effect
-- How many pauses are in effect at $1, and a sum over their numbers. Nothing of a pause but its end ever changes: where
-- both are the same, so are the pauses.
select count(*) as pauses, sum(hashint8extended(id, 0)) as numbers
from synkron.pauses
where {in_effect[$1]};

-- name: pause
select id, org_id, integration_type, integration_id, reason, author, starts_at, until from synkron.pauses where id = $1;

-- name: hold
-- Put integrations on hold from the first of their undecided moments on, for the reason $3; an earlier hold stays.
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
select integration_id, since from synkron.held where integration_id = any($1::text[]);

-- name: any_held
select exists (select from synkron.held);

-- name: released
-- The rows of integrations on hold that no pause covers at the moment $1, with the time since which they are undecided,
-- and why. Plan: the primary key; the pauses are an anti-join, because calling the function pause_over for each row takes
-- 7 s per tick with 100,000 rows on hold.
-- Scans: the holds, and if most rows are on hold, the tables.
select
    {row},
    {doubled} as doubled,
    h.since as since,
    h.reason as reason
from synkron.held h
cross join {rows}
where i.id = {id[h.integration_id]}
    and not exists (
        select from synkron.pauses
        where {in_effect[$1]}
            and (pauses.org_id is null or pauses.org_id = i.org_id::text)
            and (pauses.integration_type is null or pauses.integration_type = i.integration_type::text)
            and (pauses.integration_id is null or pauses.integration_id = i.id::text)
    );

-- name: release
-- Delete the holds of the integrations $1.
delete from synkron.held where integration_id = any($1::text[]);

-- name: pages
-- How many pages the holds have.
select pg_relation_size('synkron.held') / current_setting('block_size')::bigint;

-- name: drop_gone
-- Delete the holds from the place $1 up to $2 whose rows no longer exist, and whose moments nobody would decide any more,
-- as they began before $3: a row may be away for a while, when the application loads its table anew. Plan: the range of
-- places, and the primary key of the application's table for each hold in it; a join would read that table whole.
delete from synkron.held h
where h.ctid >= $1
    and h.ctid < $2
    and h.since < $3
    and (select true from {integrations} i where i.{integrations.id} = {id[h.integration_id]} limit 1) is null;
