-- The application's own two tables, for a database that has none yet. A table that exists is left as it is.

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
-- Name the table that was just made, for the grant.
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

-- name: index_schedules
-- Serves reader.due, in the order of bytes, which is the same everywhere. Made without locking writers out, and
-- therefore outside a transaction.
create index concurrently if not exists synkron_due_schedules on {integrations}
    (({integrations.cron_schedule}::text) collate "C")
    where {integrations.is_enabled} and {integrations.cron_schedule} is not null;

-- name: index_zones
-- Serves reader.due likewise.
create index concurrently if not exists synkron_due_zones on {organizations} (({organizations.timezone}::text) collate "C");

-- name: drop_former_index
-- What release 0.1 made in its place.
drop index concurrently if exists {schema}.organization_integrations_due;
