-- The reads of `synkron forecast`.

-- name: own_spreads
-- The integrations whose spread is overridden.
-- Scans: the overrides, once, for a command.
select integration_id, spread from synkron.overrides where spread is not null;

-- name: groups
-- The enabled rows with a schedule, grouped by what decides when they start (type, schedule, zone and spread) and
-- counted. $1 are the integrations whose spread is overridden and $2 their spreads, as arrays, so that Synkron's own
-- tables are not needed; $3 is the only type to count, or null for all. Plan: each table is read once; hash joins and
-- one hash aggregate, so that groups are sent instead of rows (1,000,000 rows make some 100,000 groups).
-- Scans: all rows that may fire are counted.
select
    coalesce({legible[i.integration_type 200]}, '(null)') as integration_type,
    {legible[i.cron_schedule 513]} collate "C" as cron_schedule,
    {legible[o.timezone 512]} as timezone,
    {is_number[o.timezone]} as zone_is_number,
    o.id is not null as organization_exists,
    coalesce({oddity}, {doubled}) is not null as is_odd,
    own.spread as spread,
    count(*) as integrations
from {rows}
left join unnest($1::text[], $2::interval[]) own (integration_id, spread) on own.integration_id = i.id::text
where i.is_enabled
    and i.cron_schedule is not null
    and ($3::text is null or i.integration_type::text = $3)
group by 1, 2, 3, 4, 5, 6, 7
order by 2, 3;
