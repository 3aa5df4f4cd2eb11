-- The ledger: what was decided of every occurrence, what ran, and what came of it (design 7).
-- The schema itself is made by the migration runner, which keeps its own list in synkron.migrations.

-- One row for each decided occurrence. Partitioned by the month of the scheduled moment, so that retention is a
-- dropped partition; the partitions are made by synkron.keep_partitions.
create table synkron.runs (
    id bigint generated always as identity,
    key text not null,
    integration_id text not null,
    org_id text not null,
    integration_type text not null,
    source text not null check (source in ('schedule', 'catch_up')),
    scheduled_for timestamptz not null,
    period_start timestamptz,
    period_end timestamptz not null,
    execute_after timestamptz not null,
    next_attempt_at timestamptz not null,
    action text not null check (action in ('run', 'merge', 'skip', 'expire')),
    reason text not null,
    occurrences integer not null default 1 check (occurrences >= 1),
    cron_schedule text not null,
    timezone text,
    tick_id bigint not null,
    state text not null check (state in ('claimed', 'running', 'succeeded', 'failed', 'skipped')),
    attempt integer not null default 0 check (attempt >= 0),
    failures integer not null default 0 check (failures between 0 and attempt),
    claimed_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    drift interval generated always as (started_at - scheduled_for) stored,
    http_status integer check (http_status between 100 and 599),
    error text,
    primary key (id, scheduled_for),
    -- One run for each integration and scheduled moment, for ever (G2). Losing the race is a normal answer.
    constraint runs_once unique (integration_id, scheduled_for),
    constraint runs_on_the_minute check (extract(epoch from scheduled_for)::bigint % 60 = 0),
    constraint runs_period_runs_forward check (period_start < period_end),
    constraint runs_period_ends_at_its_moment check (period_end = scheduled_for),
    constraint runs_never_before_their_moment check (execute_after >= scheduled_for),
    constraint runs_many_only_when_expired check (occurrences = 1 or action = 'expire'),
    constraint runs_decided_against_are_skipped check (action = 'run' or state = 'skipped'),
    constraint runs_started_when_attempted check ((started_at is null) = (attempt = 0)),
    constraint runs_running_or_ended_well_were_started check (
        state not in ('running', 'succeeded') or started_at is not null
    ),
    constraint runs_finished_when_ended check (
        (finished_at is not null) = (state in ('succeeded', 'failed', 'skipped'))
    ),
    constraint runs_failed_say_why check (state <> 'failed' or error is not null)
) partition by range (scheduled_for);

-- Query ledger.start: is an older run of this integration unfinished? Query ledger.adrift: which runs lost their job?
create index runs_unfinished on synkron.runs (integration_id, scheduled_for) where state in ('claimed', 'running');
-- Query history.runs, the newest first, for all or for one organization.
create index runs_newest on synkron.runs (scheduled_for desc, id desc);
create index runs_newest_of_organization on synkron.runs (org_id, scheduled_for desc);

-- The seat of the one running run of an integration. A table of its own, because a unique index on a partitioned
-- table must hold the partition key, and would then allow one running run for each month.
create table synkron.running (
    integration_id text primary key,
    run_id bigint not null,
    job_id bigint not null,
    since timestamptz not null default clock_timestamp()
);

-- Each try of a run. An attempt without an end belongs to a worker that is running, or was killed.
create table synkron.attempts (
    run_id bigint not null,
    scheduled_for timestamptz not null,
    attempt integer not null check (attempt >= 1),
    worker text not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    outcome text check (outcome in ('succeeded', 'retryable', 'final', 'handed_back', 'lost')),
    http_status integer check (http_status between 100 and 599),
    error text,
    primary key (run_id, attempt, scheduled_for),
    constraint attempts_end_with_an_outcome check ((finished_at is null) = (outcome is null))
) partition by range (scheduled_for);

-- Up to where occurrences have been decided. It only moves forward.
create table synkron.watermark (
    one boolean primary key default true check (one),
    at timestamptz not null
);

create function synkron.watermark_moves_forward() returns trigger language plpgsql as $$
begin
    if new.at < old.at then
        raise exception 'the watermark never moves back: % is before %', new.at, old.at;
    end if;
    return new;
end $$;

create trigger watermark_moves_forward before update on synkron.watermark
    for each row execute function synkron.watermark_moves_forward();

-- What each tick did.
create table synkron.ticks (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    window_start timestamptz not null,
    window_end timestamptz not null check (window_end > window_start),
    source text not null check (source in ('service', 'once')),
    scheduler text not null,
    due integer not null,
    claimed integer not null,
    skipped integer not null,
    invalid integer not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index ticks_newest on synkron.ticks (at desc);

alter table synkron.runs enable row level security;
alter table synkron.running enable row level security;
alter table synkron.attempts enable row level security;
alter table synkron.watermark enable row level security;
alter table synkron.ticks enable row level security;

-- Makes the monthly partitions that cover the given span, and drops those that ended before keep_after.
-- Runs as its owner, so that the service's role needs no right to create tables. A new partition is attached
-- rather than created in place: attaching does not lock readers and writers out.
create function synkron.keep_partitions(first timestamptz, last timestamptz, keep_after timestamptz) returns void
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
              and to_timestamp(right(child.relname, 7), 'YYYY_MM') + interval '1 month' <= keep_after
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
revoke all on function synkron.keep_partitions from public;
