-- The two tables that Synkron reads. If your application has tables of this kind, leave this migration out and name
-- yours in synkron.toml.

create table public.organizations (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    timezone text
);

create table public.organization_integrations (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.organizations (id) on delete cascade,
    integration_type text not null,
    is_enabled boolean not null default true,
    cron_schedule text
);

-- No policy: nobody reads these tables but roles that row security does not filter. Add policies for your users.
alter table public.organizations enable row level security;
alter table public.organization_integrations enable row level security;

-- Being exempt from row security does not replace a grant.
grant select, insert, update, delete on public.organizations, public.organization_integrations to service_role;
