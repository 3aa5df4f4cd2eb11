-- pg_cron as a second clock: `synkron pg-cron install` sets it up.

-- How pg_cron is used; no row if it is not. It `wakes` the schedulers; it `calls` the API at this address, which then
-- ticks; and it `claims` what a scheduler has planned `ahead` at a minute that none has decided.
create table synkron.second_clock (
    one boolean primary key default true check (one),
    wakes boolean not null,
    calls text check (calls ~ '^https?://'),
    claims boolean not null,
    ahead interval not null check (ahead between '2 minutes' and '1 day'),
    installed_at timestamptz not null default now(),
    -- Everything up to this moment is planned.
    planned_until timestamptz,
    -- During a drill, the schedulers do not tick until then.
    schedulers_rest_until timestamptz
);

-- A run as it would be claimed on time, and the row that it is planned from. If that row has changed, the plan is void.
create table synkron.plans (
    scheduled_for timestamptz not null,
    integration_id text not null,
    org_id text not null,
    integration_type text not null,
    cron_schedule text not null,
    timezone text,
    key text not null,
    period_start timestamptz,
    execute_after timestamptz not null,
    primary key (scheduled_for, integration_id)
);

-- A tick of pg_cron does not move the watermark: the next tick of a scheduler decides what it left.
alter table synkron.ticks drop constraint ticks_source_check;
alter table synkron.ticks add constraint ticks_source_check check (source in ('service', 'once', 'pg_cron'));
