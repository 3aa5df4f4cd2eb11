-- The processes that work on this database. Each reports itself.

-- name: clock
select clock_timestamp();

-- name: report
-- Records the process $1: its roles $2, its version of tzdata $6, and the address of its API $7. Deletes processes that
-- were last seen more than a week ago.
with forgotten as (
    delete from synkron.nodes where seen_at < clock_timestamp() - interval '7 days' and name <> $1
)
insert into synkron.nodes (name, role, version, started_at, seen_at, skew, tzdata, address)
select $1, role, $3, $4, clock_timestamp(), $5, $6, $7
from unnest($2::text[]) role
on conflict (name, role) do update set
    version = excluded.version, started_at = excluded.started_at, seen_at = excluded.seen_at, skew = excluded.skew,
    tzdata = excluded.tzdata, address = excluded.address, stopped_at = null;

-- name: stop
update synkron.nodes set stopped_at = clock_timestamp(), seen_at = clock_timestamp()
where name = $1 and role = any($2::text[]) and stopped_at is null;

-- name: nodes
-- The processes with all their roles, the most recently seen first. $1 is how long a process may be silent.
select
    name, array_agg(role order by role) as roles, max(version) as version, min(started_at) as started_at,
    max(seen_at) as seen_at, (array_agg(skew order by seen_at desc))[1] as skew,
    (array_agg(tzdata order by seen_at desc))[1] as tzdata, max(address) as address,
    case
        when bool_and(stopped_at is not null) then 'stopped'
        when max(seen_at) < clock_timestamp() - $1::interval then 'lost'
        else 'running'
    end as state
from synkron.nodes
group by name
order by max(seen_at) desc, name;
