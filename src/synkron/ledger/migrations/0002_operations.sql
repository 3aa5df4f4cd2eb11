-- Outages, overlaps, retries and what operators do. Everything is added: the previous release's scheduler and worker
-- run beside this one.

alter table synkron.runs
    drop constraint runs_source_check,
    add constraint runs_source_check check (source in ('schedule', 'catch_up', 'manual', 'backfill')),
    -- A run that somebody asked for has the moment at which they did.
    drop constraint runs_on_the_minute,
    add constraint runs_on_the_minute check (source = 'manual' or extract(epoch from scheduled_for)::bigint % 60 = 0),
    -- Such a run has no tick, and its integration may have no schedule.
    alter column tick_id drop not null,
    alter column cron_schedule drop not null,
    add constraint runs_decided_by_a_tick check (tick_id is not null or source in ('manual', 'backfill')),
    add constraint runs_have_a_schedule check (cron_schedule is not null or source = 'manual'),
    -- What a decision and a run that an operator asked for have in common: one row of each class for a moment.
    add column source_class text not null
        generated always as (case when source in ('manual', 'backfill') then source else 'schedule' end) stored,
    -- How often the worker was lost that had the run, and how often an operator gave a failed run another chance.
    add column crashes integer not null default 0 check (crashes >= 0),
    add column retries integer not null default 0 check (retries >= 0),
    -- The target took the run and will say later what came of it; until then the run is running. It may still be set
    -- on a run that has ended, as the previous release does not know it.
    add column completes_by timestamptz,
    -- How late it started after it was allowed to, spread and pace included. `drift` counts from the scheduled moment.
    add column start_delay interval generated always as (started_at - execute_after) stored,
    drop constraint runs_once,
    add constraint runs_once unique (integration_id, scheduled_for, source_class);

-- A moment is delivered by one run, whoever asked for it (G2).
create unique index runs_delivered_once on synkron.runs (integration_id, scheduled_for) where state <> 'skipped';
-- Query ledger.overdue: which accepted runs were not completed in time?
create index runs_overdue on synkron.runs (completes_by) where completes_by is not null and state = 'running';

alter table synkron.attempts
    drop constraint attempts_outcome_check,
    add constraint attempts_outcome_check check (
        outcome in ('succeeded', 'retryable', 'final', 'handed_back', 'lost', 'cancelled')
    );

-- What the tick's due read could see: a row of the application that is visible in it was seen (`synkron verify`).
alter table synkron.ticks add column snapshot pg_snapshot;

-- What is set for one integration, over its type's policy; null leaves the type's value.
create table synkron.overrides (
    integration_id text primary key,
    catch_up text check (catch_up in ('latest', 'all', 'skip')),
    catch_up_window interval check (catch_up_window >= interval '0'),
    overlap text check (overlap in ('queue', 'skip')),
    spread interval check (spread >= interval '0'),
    attempts integer check (attempts between 1 and 100),
    backoff interval check (backoff > interval '0'),
    timeout interval check (timeout > interval '0'),
    completion_timeout interval check (completion_timeout > interval '0'),
    constraint overrides_set_something check (
        num_nonnulls(catch_up, catch_up_window, overlap, spread, attempts, backoff, timeout, completion_timeout) > 0
    )
);

-- How many starts of a paced type were allotted in a minute.
create table synkron.pace (
    integration_type text not null,
    minute timestamptz not null,
    starts integer not null check (starts > 0),
    primary key (integration_type, minute)
);

-- Who must not run: an integration, an organization, a type, a type of an organization, or (all null) everything.
create table synkron.pauses (
    id bigint generated always as identity primary key,
    org_id text,
    integration_type text,
    integration_id text,
    reason text not null check (reason <> ''),
    author text not null,
    starts_at timestamptz not null default now(),
    until timestamptz,
    ended_at timestamptz,
    ended_by text,
    constraint pauses_one_integration_alone check (
        integration_id is null or (org_id is null and integration_type is null)
    ),
    constraint pauses_end_after_they_start check (until > starts_at),
    constraint pauses_are_ended_by_somebody check ((ended_at is null) = (ended_by is null))
);
create index pauses_active on synkron.pauses (starts_at) where ended_at is null;

-- Integrations whose occurrences are undecided from `since` on (left out), because they are paused.
create table synkron.held (
    integration_id text primary key,
    since timestamptz not null
);

-- Who changed what, when, and what it was before.
create table synkron.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    author text not null,
    action text not null,
    subject text not null,
    before jsonb,
    after jsonb
);
create index audit_newest on synkron.audit (at desc);

-- The processes that work on this database, as they report themselves. `skew` is their host's clock minus this one.
create table synkron.nodes (
    name text not null,
    role text not null,
    version text not null,
    started_at timestamptz not null,
    seen_at timestamptz not null,
    stopped_at timestamptz,
    skew interval not null,
    primary key (name, role)
);

-- What `synkron verify` found, as the service keeps it.
create table synkron.verifications (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    since timestamptz not null,
    until timestamptz not null,
    expected integer not null,
    missed integer not null,
    doubled integer not null,
    late integer not null,
    unexplained integer not null
);
create index verifications_newest on synkron.verifications (at desc);

alter table synkron.overrides enable row level security;
alter table synkron.pace enable row level security;
alter table synkron.pauses enable row level security;
alter table synkron.held enable row level security;
alter table synkron.audit enable row level security;
alter table synkron.nodes enable row level security;
alter table synkron.verifications enable row level security;

-- The pause, if any, that an integration is under at a moment: the one that lasts longest.
create function synkron.pause_over(org_id text, integration_type text, integration_id text, moment timestamptz)
    returns bigint language sql stable as $$
    select pauses.id
    from synkron.pauses
    where pauses.ended_at is null
        and pauses.starts_at <= moment
        and (pauses.until is null or pauses.until > moment)
        and (pauses.org_id is null or pauses.org_id = $1)
        and (pauses.integration_type is null or pauses.integration_type = $2)
        and (pauses.integration_id is null or pauses.integration_id = $3)
    order by pauses.until desc nulls first, pauses.id
    limit 1
$$;
revoke all on function synkron.pause_over from public;

-- As before, but that names are read as months only where they are some: PostgreSQL may look at the names of all tables
-- before it knows which are partitions, and "pg_toast_16412" ends in no month.
create or replace function synkron.keep_partitions(first timestamptz, last timestamptz, keep_after timestamptz) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
    parent text;
    month timestamptz;
    partition text;
    is_needed boolean;
begin
    if keep_after > now() then
        raise exception 'what is not past yet can not be dropped: % lies ahead', keep_after;
    end if;
    foreach parent in array array['runs', 'attempts'] loop
        for month in select generate_series(date_trunc('month', first), last, interval '1 month') loop
            partition := parent || '_' || to_char(month, 'YYYY_MM');
            continue when to_regclass('synkron.' || partition) is not null;
            perform pg_advisory_xact_lock(hashtext('synkron.keep_partitions'));
            -- to_regclass may remember that there was none; a query sees what was made while this one waited.
            continue when exists (
                select from pg_class where relnamespace = 'synkron'::regnamespace and relname = partition
            );
            execute format('create table synkron.%I (like synkron.%I including defaults including constraints '
                'including generated including storage)', partition, parent);
            execute format('alter table synkron.%I enable row level security', partition);
            execute format('alter table synkron.%I attach partition synkron.%I for values from (%L) to (%L)',
                parent, partition, month, month + interval '1 month');
        end loop;
        for partition in
            select child.relname
            from pg_inherits
            join pg_class child on child.oid = pg_inherits.inhrelid
            where pg_inherits.inhparent = ('synkron.' || parent)::regclass
              and case when child.relname ~ '_[0-9]{4}_[0-9]{2}$' then
                  to_timestamp(right(child.relname, 7), 'YYYY_MM') + interval '1 month' <= keep_after end
        loop
            -- A run that waits or runs keeps its month. The attempts come last, and go when their runs have gone.
            if parent = 'runs' then
                execute format('select exists (select from synkron.%I where state in (''claimed'', ''running''))', partition)
                    into is_needed;
            else
                is_needed := to_regclass('synkron.runs_' || right(partition, 7)) is not null;
            end if;
            if not is_needed then
                execute format('drop table synkron.%I', partition);
            end if;
        end loop;
    end loop;
end $$;
