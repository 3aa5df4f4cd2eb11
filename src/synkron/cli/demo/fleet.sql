-- The demo's rows in the application's two tables.

-- name: seed_organizations
insert into {organizations} ({organizations.id}, {organizations.name}, {organizations.timezone})
select * from unnest($1::uuid[], $2::text[], $3::text[])
on conflict ({organizations.id}) do update set
    {organizations.name} = excluded.{organizations.name},
    {organizations.timezone} = excluded.{organizations.timezone};

-- name: seed_integrations
insert into {integrations} (
    {integrations.id}, {integrations.org_id}, {integrations.integration_type},
    {integrations.is_enabled}, {integrations.cron_schedule}
)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::text[])
on conflict ({integrations.id}) do update set
    {integrations.org_id} = excluded.{integrations.org_id},
    {integrations.integration_type} = excluded.{integrations.integration_type},
    {integrations.is_enabled} = excluded.{integrations.is_enabled},
    {integrations.cron_schedule} = excluded.{integrations.cron_schedule};

-- name: is_only_demo
-- Ids are compared as text, because those of other rows may have any type.
select not exists (select from {organizations} where {organizations.id}::text <> all ($1::text[]))
    and not exists (select from {integrations} where {integrations.id}::text <> all ($2::text[]));

-- name: is_new
-- Whether no tick has decided anything yet.
select not exists (select from synkron.watermark);

-- name: lock
-- Held while the demo's connection is open: one demo at a time on the same data.
select pg_try_advisory_lock(hashtext('synkron.demo'));
