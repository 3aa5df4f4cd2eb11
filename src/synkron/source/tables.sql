-- Creates the application's two tables in a database that does not have them yet. Existing tables stay as they are.

-- name: may
-- Whether the role may create tables in the schema, which tables are not there, and whether it owns those that are.
select
    coalesce(has_schema_privilege(to_regnamespace('{schema}'), 'create'), false) as create_tables,
    array_remove(
        array[
            case when to_regclass('{organizations}') is null then '{organizations}' end,
            case when to_regclass('{integrations}') is null then '{integrations}' end
        ],
        null
    ) as missing,
    not exists (
        select from pg_class
        where oid in (to_regclass('{organizations}'), to_regclass('{integrations}')) and not pg_has_role(relowner, 'usage')
    ) as create_indexes;

-- name: organizations_exists
select to_regclass('{organizations}') is not null;

-- name: create_organizations
create table {organizations} (
    {organizations.id} uuid primary key default gen_random_uuid(),
    {organizations.name} text not null
    {timezone_column}
);

-- name: integrations_exists
select to_regclass('{integrations}') is not null;

-- name: create_integrations
create table {integrations} (
    {integrations.id} uuid primary key default gen_random_uuid(),
    {integrations.org_id} uuid not null references {organizations} ({organizations.id}) on delete cascade,
    {integrations.integration_type} text not null,
    {integrations.is_enabled} boolean not null default true,
    {integrations.cron_schedule} text
);

-- name: made
-- Tells `grant` which table was just created.
select set_config('synkron.made', $1, false);

-- name: grant
do $$
declare
    role name;
begin
    for role in
        select rolname from pg_roles
        where rolname in ('service_role', current_setting('synkron.grant_to'))
    loop
        execute format('grant usage on schema {schema} to %I', role);
        execute format('grant select on %s to %I', current_setting('synkron.made')::regclass, role);
    end loop;
end $$;

-- name: useless_indexes
-- Indexes with the names below that a failed build left invalid, or that are on another table than the settings name.
select index.relname as name
from pg_index
join pg_class index on index.oid = pg_index.indexrelid
where index.oid in (to_regclass('{schema}.synkron_due_expressions'), to_regclass('{schema}.synkron_due_timezones'))
    and (
        not indisvalid
        or indrelid <> case index.relname
            when 'synkron_due_expressions' then to_regclass('{integrations}')
            else to_regclass('{organizations}')
        end
    );

-- name: drop_index
-- INDEX is one of the names below.
drop index concurrently if exists {schema}.INDEX;

-- name: index_schedules
-- Serves reader.due, in the order of bytes, which is the same everywhere. It keeps 513 characters of a text, one more
-- than an expression may have: an index entry is limited to 2,704 bytes, and a longer one would make the application's
-- own write fail. It is created without locking writers out, and therefore outside a transaction. If the indexed
-- expression changes, the name must change too: the previous release knows an index only by its name.
create index concurrently if not exists synkron_due_expressions on {integrations}
    ((left({integrations.cron_schedule}::text, 513)) collate "C")
    where {integrations.is_enabled} and {integrations.cron_schedule} is not null;

-- name: index_zones
-- Serves reader.due in the same way.
create index concurrently if not exists synkron_due_timezones on {organizations}
    ((left({organizations.timezone}::text, 513)) collate "C");
