-- The ledger: what was decided about each scheduled moment, what ran, and how it ended.
-- `synkron migrate` makes the schema itself, and keeps the list of what it applied in synkron.migrations.

-- One row for each decided moment of an integration. The table is partitioned by the month of the scheduled moment,
-- so that old rows are removed by dropping a partition. The function synkron.keep_partitions makes and drops them.
create table synkron.runs (
    id bigint generated always as identity,
    key text not null,

    -- Whose run it is, and why it exists: a tick decided it, or somebody asked for it (`manual`, `backfill`).
    integration_id text not null,
    org_id text not null,
    integration_type text not null,
    source text not null check (source in ('schedule', 'catch_up', 'manual', 'backfill')),
    source_class text not null
        generated always as (case when source in ('manual', 'backfill') then source else 'schedule' end) stored,

    -- The moment, the period that the run exports, and when it may start: spread and pace may put that off.
    scheduled_for timestamptz not null,
    period_start timestamptz,
    period_end timestamptz not null,
    execute_after timestamptz not null,

    -- What was decided and why, from which schedule, and by which tick. A manual run's integration may have no
    -- schedule.
    action text not null check (action in ('run', 'merge', 'skip', 'expire')),
    reason text not null,
    occurrences integer not null default 1 check (occurrences >= 1),
    cron_schedule text,
    timezone text,
    tick_id bigint,
    claimed_at timestamptz not null default now(),

    -- The attempts so far, how many failed, how many lost their worker, and how many an operator asked for.
    state text not null check (state in ('claimed', 'running', 'succeeded', 'failed', 'skipped')),
    attempt integer not null default 0 check (attempt >= 0),
    failures integer not null default 0 check (failures between 0 and attempt),
    crashes integer not null default 0 check (crashes >= 0),
    retries integer not null default 0 check (retries >= 0),
    next_attempt_at timestamptz not null,

    -- A run that waits, or waited, for its vendor to recover: since when and why; until when at most, while it waits; and
    -- when it was let go, until it starts.
    deferred_at timestamptz,
    deferred_reason text,
    deferred_until timestamptz,
    released_at timestamptz,

    -- How it went. `completes_by` is set when the target accepted the run and reports its end later; the run is
    -- running until then. It may still be set on a run that has ended.
    started_at timestamptz,
    completes_by timestamptz,
    finished_at timestamptz,
    http_status integer check (http_status between 100 and 599),
    error text,

    -- How late it started: after its moment, and after it was allowed to start.
    drift interval generated always as (started_at - scheduled_for) stored,
    start_delay interval generated always as (started_at - execute_after) stored,

    -- Columns for the indexes below. A start of a run leaves them as they are, unless it is late: PostgreSQL then has
    -- no index to write (docs/decisions/0018-a-start-writes-no-index.md). A start up to a minute late does not count
    -- here.
    delivers boolean not null generated always as (state <> 'skipped') stored,
    started_late_at timestamptz
        generated always as (case when started_at - scheduled_for > interval '1 minute' then started_at end) stored,
    failed_at timestamptz generated always as (case when state = 'failed' then finished_at end) stored,

    primary key (id, scheduled_for),
    -- One run of each class for an integration and a moment, for ever (G2). To lose the race for it is a normal
    -- answer.
    constraint runs_once unique (integration_id, scheduled_for, source_class),
    -- The moment of a manual run is when somebody asked for it.
    constraint runs_on_the_minute check (source = 'manual' or extract(epoch from scheduled_for)::bigint % 60 = 0),
    constraint runs_period_runs_forward check (period_start < period_end),
    constraint runs_period_ends_at_its_moment check (period_end = scheduled_for),
    constraint runs_never_before_their_moment check (execute_after >= scheduled_for),
    constraint runs_many_only_when_expired check (occurrences = 1 or action = 'expire'),
    constraint runs_decided_against_are_skipped check (action = 'run' or state = 'skipped'),
    constraint runs_decided_by_a_tick check (tick_id is not null or source in ('manual', 'backfill')),
    constraint runs_have_a_schedule check (cron_schedule is not null or source = 'manual'),
    constraint runs_started_when_attempted check ((started_at is null) = (attempt = 0)),
    constraint runs_running_or_ended_well_were_started check (
        state not in ('running', 'succeeded') or started_at is not null
    ),
    constraint runs_finished_when_ended check (
        (finished_at is not null) = (state in ('succeeded', 'failed', 'skipped'))
    ),
    constraint runs_failed_say_why check (state <> 'failed' or error is not null),
    constraint runs_deferred_for_a_reason check ((deferred_at is null) = (deferred_reason is null)),
    constraint runs_deferred_from_a_moment_on check (deferred_until > deferred_at)
) partition by range (scheduled_for);

-- A moment is delivered by one run, whoever asked for it (G2).
create unique index runs_delivered_once on synkron.runs (integration_id, scheduled_for) where delivers;
-- Query attempts.start: is an older run of this integration unfinished? It also finds the runs that lost their job.
create index runs_unfinished on synkron.runs (integration_id, scheduled_for) where finished_at is null;
-- Query attempts.overdue: which accepted runs were not completed in time?
create index runs_overdue on synkron.runs (completes_by) where completes_by is not null and finished_at is null;
-- Query attempts.release: which runs wait for a vendor, or were given their turn after it?
create index runs_deferred on synkron.runs (integration_type) where deferred_at is not null and finished_at is null;
-- Query conditions.started_late: which runs started late?
create index runs_started_late on synkron.runs (started_late_at) where started_late_at is not null;
-- Query conditions.failed: which runs have failed for good?
create index runs_failed on synkron.runs (failed_at) where failed_at is not null;
-- Query conditions.expired: which moments expired lately?
create index runs_expired on synkron.runs (claimed_at) where action = 'expire';
-- Query history.runs, the newest first: for all organizations, or for one.
create index runs_newest on synkron.runs (scheduled_for desc, id desc);
create index runs_newest_of_organization on synkron.runs (org_id, scheduled_for desc);

-- Which run of an integration is running: one at most. This is a table of its own, because a unique index on a
-- partitioned table must contain the partition key, and would allow one running run for each month.
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

    -- When the job that started the attempt was made and could start, and how long the target took to answer.
    enqueued_at timestamptz,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    duration interval check (duration >= interval '0'),

    outcome text check (outcome in ('succeeded', 'retryable', 'final', 'handed_back', 'lost', 'cancelled')),
    http_status integer check (http_status between 100 and 599),
    error text,

    -- Whether the target was warm, how that is known, and what a cold start cost, as far as that can be told.
    warmth text check (warmth in ('warm', 'cold')),
    warmth_known_by text check (warmth_known_by in ('header', 'time')),
    cold_start_cost interval check (cold_start_cost >= interval '0'),
    cold_at timestamptz generated always as (case when warmth = 'cold' then finished_at end) stored,

    primary key (run_id, attempt, scheduled_for),
    constraint attempts_end_with_an_outcome check ((finished_at is null) = (outcome is null)),
    constraint attempts_warmth_is_known_somehow check ((warmth is null) = (warmth_known_by is null)),
    constraint attempts_only_cold_ones_cost check (cold_start_cost is null or warmth = 'cold')
) partition by range (scheduled_for);

-- Query conditions.cold_starts: which attempts met a cold target lately?
create index attempts_cold on synkron.attempts (cold_at) where cold_at is not null;

-- Up to which moment everything is decided. It only moves forward.
create table synkron.watermark (
    one boolean primary key default true check (one),
    at timestamptz not null
);

-- What each tick did. The snapshot tells which rows of the application its due read could see (`synkron verify`).
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
    snapshot pg_snapshot,
    recorded_at timestamptz not null default clock_timestamp()
);
create index ticks_newest on synkron.ticks (at desc);

alter table synkron.runs enable row level security;
alter table synkron.running enable row level security;
alter table synkron.attempts enable row level security;
alter table synkron.watermark enable row level security;
alter table synkron.ticks enable row level security;
