-- The reads of the application's own tables. They need nothing that Synkron installs.
-- {zone[o]} is the zone of the organization o, or null where the settings say that there is no such column; so is
-- {updated_at[i]} of the integration i.

-- name: secure
-- A role that row security would filter gets an error instead of a short answer (G8). The best plan depends on the
-- arrays that the due read is given, so it is never a generic one.
set local row_security = off;
set local plan_cache_mode = force_custom_plan;

-- name: due
-- The rows that may fire, in one statement with one join:
--   $1 the expressions that fire in the window in some known zone, and those known to be malformed
--   $2 all known expressions
--   $3 all known zones, as text
-- Answered are the rows with an expression of $1, with one that is not in $2 yet, and those of organizations whose
-- zone is not in $3 yet. Plan: the subqueries are evaluated once, into arrays, and `= any(array)` then uses the
-- partial index organization_integrations_due (joining the expressions as a table would hash-join all rows); where no
-- organization's zone is new, `is not null` is a one-time filter that leaves the second scan out.
with elsewhere as materialized (
    select array_agg(z.{organizations.id}) as org_ids
    from {organizations} z
    where {zone[z]} is not null and {zone[z]}::text <> all($3::text[])
)
select
    i.id::text as integration_id,
    i.org_id::text as org_id,
    i.integration_type::text as integration_type,
    true as is_enabled,
    i.cron_schedule as cron_schedule,
    o.{organizations.id} is not null as organization_exists,
    {zone[o]} as timezone,
    i.updated_at as updated_at
from (
    select
        a.{integrations.id} as id,
        a.{integrations.org_id} as org_id,
        a.{integrations.integration_type} as integration_type,
        a.{integrations.cron_schedule} as cron_schedule,
        {updated_at[a]}::timestamptz as updated_at
    from {integrations} a
    where a.{integrations.is_enabled}
        and a.{integrations.cron_schedule} is not null
        and a.{integrations.cron_schedule} = any(
            $1::text[] || array(
                select distinct n.{integrations.cron_schedule}::text
                from {integrations} n
                where n.{integrations.is_enabled}
                    and n.{integrations.cron_schedule} is not null
                    and n.{integrations.cron_schedule} <> all($2::text[])
            )
        )
    union all
    select b.{integrations.id}, b.{integrations.org_id}, b.{integrations.integration_type}, b.{integrations.cron_schedule},
        {updated_at[b]}::timestamptz
    from {integrations} b
    where b.{integrations.is_enabled}
        and b.{integrations.cron_schedule} is not null
        and (select org_ids from elsewhere) is not null
        and b.{integrations.org_id} = any(array(select unnest(org_ids) from elsewhere))
) i
left join {organizations} o on o.{organizations.id} = i.org_id;

-- name: all
-- Every row, whether it may fire or not, for `synkron check` and `synkron next`.
select
    i.{integrations.id}::text as integration_id,
    i.{integrations.org_id}::text as org_id,
    i.{integrations.integration_type}::text as integration_type,
    coalesce(i.{integrations.is_enabled}, false) as is_enabled,
    i.{integrations.cron_schedule} as cron_schedule,
    o.{organizations.id} is not null as organization_exists,
    {zone[o]} as timezone,
    {updated_at[i]}::timestamptz as updated_at
from {integrations} i
left join {organizations} o on o.{organizations.id} = i.{integrations.org_id}
order by i.{integrations.org_id}, i.{integrations.id};

-- name: id_type
-- The type of the integrations' id, as it is written in SQL.
select format_type(atttypid, atttypmod) from pg_attribute
where attrelid = '{integrations}'::regclass and attname = '{integrations_id}';

-- name: names
-- What the organizations are called, for people.
select o.{organizations.id}::text as org_id, coalesce(o.{organizations.name}::text, '') as name
from {organizations} o;
