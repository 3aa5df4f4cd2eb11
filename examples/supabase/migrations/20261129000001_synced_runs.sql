-- The runs that the function `sync` has done. A run that is delivered again has the same key.

create table public.synced_runs (
    idempotency_key uuid primary key,
    org_id text not null,
    integration_id text not null,
    integration_type text not null,
    period_start timestamptz,
    period_end timestamptz not null,
    attempt integer not null,
    documents integer,
    delivered_at timestamptz not null default now()
);

-- The function connects as the owner of this table.
alter table public.synced_runs enable row level security;
grant select, insert, update, delete on public.synced_runs to service_role;
