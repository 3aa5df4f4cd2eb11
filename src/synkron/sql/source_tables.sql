-- The application's own two tables, for a database that has none yet. A table that exists is left as it is.

-- name: create_organizations
create table if not exists {organizations} (
    {organizations.id} uuid primary key default gen_random_uuid(),
    {organizations.name} text not null,
    {organizations.timezone} text
);

-- name: create_integrations
create table if not exists {integrations} (
    {integrations.id} uuid primary key default gen_random_uuid(),
    {integrations.org_id} uuid not null references {organizations} ({organizations.id}) on delete cascade,
    {integrations.integration_type} text not null,
    {integrations.is_enabled} boolean not null default true,
    {integrations.cron_schedule} text
);

-- name: create_due_index
-- Serves reader.due. Made without locking writers out, and therefore outside a transaction.
create index concurrently if not exists organization_integrations_due on {integrations}
    ({integrations.cron_schedule})
    where {integrations.is_enabled} and {integrations.cron_schedule} is not null;
