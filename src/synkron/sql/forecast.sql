-- The reads of `synkron forecast`.

-- name: own_spreads
-- The integrations whose spread is overridden.
-- Scans: the overrides, once, for a command.
select integration_id, spread from synkron.overrides where spread is not null;

-- name: groups
-- The enabled rows with a schedule, counted by what decides when they start: type, schedule, zone and spread. $1 are
-- the integrations whose spread is overridden and $2 their spreads, as arrays, so that nothing that Synkron installs
-- is needed; $3 is the only type to count, or null for all. Plan: each table is read once; hash joins, and one
-- aggregate by hash, so that not the rows travel but their groups (1,000,000 rows make some 100,000).
-- Scans: all that may fire is counted.
select
    i.{integrations.integration_type}::text as integration_type,
    i.{integrations.cron_schedule}::text collate "C" as cron_schedule,
    {zone[o]} as timezone,
    o.{organizations.id} is not null as organization_exists,
    own.spread as spread,
    count(*) as integrations
from {integrations} i
left join {organizations} o on o.{organizations.id} = i.{integrations.org_id}
left join unnest($1::text[], $2::interval[]) own (integration_id, spread)
    on own.integration_id = i.{integrations.id}::text
where i.{integrations.is_enabled}
    and i.{integrations.cron_schedule} is not null
    and ($3::text is null or i.{integrations.integration_type}::text = $3)
group by 1, i.{integrations.cron_schedule}::text collate "C", 3, 4, 5
order by 2, 3;
