-- What has changed, for pages that are live.

-- name: counters
-- How many rows of each of Synkron's own tables, and of the application's two, were ever written: PostgreSQL's own
-- statistics, so that nothing has to note a change. A backend that is busy hands its counts over once a second.
-- An incident is written at each tick that sees its condition again, which is no news: `open incidents` changes with
-- what else is known of them. Plan: pg_class, whose size depends on the number of tables and months alone; the index
-- incidents_open.
select
    case when relnamespace = 'synkron'::regnamespace then relname::text else 'integrations' end as name,
    pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid) as written
from pg_class
where (relnamespace = 'synkron'::regnamespace and relkind = 'r')
    or oid in (to_regclass('{organizations}'), to_regclass('{integrations}'))
union all
select 'open incidents', coalesce(sum(hashtext(row(
    id, org_id, integration_type, endpoint, title, detail, remedy, touches, since, acknowledged_at, announced_at
)::text)), 0)
from synkron.incidents
where closed_at is null;

-- name: newest_tick
-- Plan: the index ticks_newest.
select max(at) from synkron.ticks;
