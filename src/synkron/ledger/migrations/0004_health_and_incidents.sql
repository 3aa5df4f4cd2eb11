-- Health, warm-up, drift by stage, and incidents. The previous release's scheduler and worker run beside this one's; as
-- three indexes are replaced, some of their statements are slower until they are restarted (docs/operations.md).

alter table synkron.attempts
    -- When the job was enqueued that started the attempt and could start it, and how long the target took to answer.
    add column enqueued_at timestamptz,
    add column duration interval check (duration >= interval '0'),
    -- Whether the target was warm, how that is known, and what a cold start cost, as far as that can be told.
    add column warmth text check (warmth in ('warm', 'cold')),
    add column warmth_known_by text check (warmth_known_by in ('header', 'time')),
    add column cold_start_cost interval check (cold_start_cost >= interval '0'),
    add constraint attempts_warmth_is_known_somehow check ((warmth is null) = (warmth_known_by is null)),
    add constraint attempts_only_cold_ones_cost check (cold_start_cost is null or warmth = 'cold'),
    add column cold_at timestamptz generated always as (case when warmth = 'cold' then finished_at end) stored;
-- Query conditions.cold_starts: which attempts met a cold target lately?
create index attempts_cold on synkron.attempts (cold_at) where cold_at is not null;

-- A start changes a run's state, and so wrote all its indexes anew, as some named the state: a fifth of what PostgreSQL
-- did for a run. Now they name what a start, and mostly an end, leaves as it is.
alter table synkron.runs
    -- Since when, and why, a run was made to wait for its vendor to recover; until when at most, while it waits; and when
    -- it was given its turn, until it starts.
    add column deferred_at timestamptz,
    add column deferred_reason text,
    add column deferred_until timestamptz,
    add column released_at timestamptz,
    add constraint runs_deferred_for_a_reason check ((deferred_at is null) = (deferred_reason is null)),
    add constraint runs_deferred_from_a_moment_on check (deferred_until > deferred_at),
    add column delivers boolean not null generated always as (state <> 'skipped') stored,
    -- Null for most. Nothing under a minute is called late here.
    add column started_late_at timestamptz
        generated always as (case when started_at - scheduled_for > interval '1 minute' then started_at end) stored,
    add column failed_at timestamptz generated always as (case when state = 'failed' then finished_at end) stored;
drop index synkron.runs_unfinished, synkron.runs_delivered_once, synkron.runs_overdue;
-- A moment is delivered by one run, whoever asked for it (G2).
create unique index runs_delivered_once on synkron.runs (integration_id, scheduled_for) where delivers;
-- Query attempts.start: is an older run of this integration unfinished? Query ledger.adrift: which runs lost their job?
create index runs_unfinished on synkron.runs (integration_id, scheduled_for) where finished_at is null;
-- Query completion.overdue: which accepted runs were not completed in time?
create index runs_overdue on synkron.runs (completes_by) where completes_by is not null and finished_at is null;
-- Query attempts.release: which runs wait for a vendor, or were given their turn after it?
create index runs_deferred on synkron.runs (integration_type) where deferred_at is not null and finished_at is null;
-- Query conditions.started_late: which runs started late?
create index runs_started_late on synkron.runs (started_late_at) where started_late_at is not null;
-- Query conditions.failed: which runs have failed for good?
create index runs_failed on synkron.runs (failed_at) where failed_at is not null;

-- What is known of each vendor's endpoint, over all organizations. A type that nothing is probed for has one of its own.
create table synkron.health (
    endpoint text primary key,
    integration_types text[] not null,
    verdict text not null default 'unknown'
        check (verdict in ('healthy', 'degraded', 'unreachable', 'unauthorized', 'throttled', 'unknown')),
    reason text not null default 'nothing was heard of it yet',
    known_by text check (known_by in ('run', 'probe', 'passive')),
    since timestamptz not null,
    -- The last contact of either kind, and the last probe.
    sampled_at timestamptz,
    probed_at timestamptz,
    -- Null where no probe goes.
    next_probe_at timestamptz,
    -- The method that the vendor was found to serve.
    method text,
    -- How many probes, and how many runs, have failed in a row.
    failures integer not null default 0 check (failures >= 0),
    failed_runs integer not null default 0 check (failed_runs >= 0),
    -- Whose run failed last; null where it was several organizations'.
    failed_org_id text,
    -- How often in a row a trial after a pause was refused, and until when no probe goes.
    throttles integer not null default 0 check (throttles >= 0),
    passive_until timestamptz,
    constraint health_known_somehow check ((verdict = 'unknown') = (known_by is null))
);

-- Contacts with an endpoint: each probe, and runs that showed the same, together.
create table synkron.samples (
    endpoint text not null,
    at timestamptz not null,
    source text not null check (source in ('run', 'probe')),
    finding text not null check (finding in ('healthy', 'degraded', 'unreachable', 'unauthorized', 'throttled')),
    reason text not null,
    contacts integer not null check (contacts >= 1),
    latency interval,
    http_status integer check (http_status between 100 and 599),
    resets_at timestamptz
);
create index samples_oldest on synkron.samples (at);

-- The samples' contacts, hour by hour.
create table synkron.health_hours (
    endpoint text not null,
    hour timestamptz not null,
    healthy integer not null default 0,
    degraded integer not null default 0,
    unreachable integer not null default 0,
    unauthorized integer not null default 0,
    throttled integer not null default 0,
    probes integer not null default 0,
    primary key (endpoint, hour)
);

-- How many probes of a month went out, and how many of them the vendor counts.
create table synkron.probe_spend (
    endpoint text not null,
    month date not null,
    probes integer not null default 0,
    counted integer not null default 0 check (counted <= probes),
    primary key (endpoint, month)
);

-- When a type's target was met last, by a run or a warm-up.
create table synkron.warmth (
    integration_type text primary key,
    met_at timestamptz not null
);

-- Each warm-up, and what it met.
create table synkron.warm_ups (
    id bigint generated always as identity primary key,
    integration_type text not null,
    at timestamptz not null,
    -- The moment of the runs that it was for.
    scheduled_for timestamptz not null,
    http_status integer check (http_status between 100 and 599),
    duration interval,
    warmth text check (warmth in ('warm', 'cold')),
    error text
);
create index warm_ups_newest on synkron.warm_ups (at desc);

-- What an operator is told of. `subject` tells incidents of a kind apart, and is open once.
create table synkron.incidents (
    id bigint generated always as identity primary key,
    kind text not null,
    subject text not null,
    org_id text,
    integration_type text,
    endpoint text,
    title text not null,
    detail text not null,
    remedy text not null,
    -- Whom it touches: organizations, and counts.
    touches jsonb not null default '{}',
    -- Since when it is so, which may be before it was noticed.
    since timestamptz not null,
    opened_at timestamptz not null,
    -- When it was true for the last time, and when what it says changed.
    seen_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    closed_at timestamptz,
    -- When it was announced last; null while it was kept quiet.
    announced_at timestamptz,
    constraint incidents_acknowledged_by_somebody check ((acknowledged_at is null) = (acknowledged_by is null)),
    constraint incidents_close_after_they_open check (closed_at >= opened_at)
);
create unique index incidents_open on synkron.incidents (kind, subject) where closed_at is null;
create index incidents_newest on synkron.incidents (opened_at desc);
-- Query incidents.recent: how often did it open of late?
create index incidents_again on synkron.incidents (kind, subject, opened_at desc);

-- One message to one channel. It is sent at least once, and its number is the same each time.
create table synkron.announcements (
    id bigint generated always as identity primary key,
    incident_id bigint not null references synkron.incidents on delete cascade,
    transition text not null check (transition in ('opened', 'reminded', 'closed')),
    channel text not null,
    made_at timestamptz not null,
    next_attempt_at timestamptz not null,
    attempts integer not null default 0,
    sent_at timestamptz,
    given_up_at timestamptz,
    error text,
    constraint announcements_end_once check (sent_at is null or given_up_at is null)
);
create index announcements_due on synkron.announcements (next_attempt_at) where sent_at is null and given_up_at is null;
create index announcements_of_incident on synkron.announcements (incident_id);

-- Whom nothing is announced of, from a moment up to an end. All that are not null must fit.
create table synkron.silences (
    id bigint generated always as identity primary key,
    org_id text,
    integration_type text,
    endpoint text,
    reason text not null check (reason <> ''),
    author text not null,
    starts_at timestamptz not null,
    until timestamptz not null,
    ended_at timestamptz,
    ended_by text,
    constraint silences_name_something check (num_nonnulls(org_id, integration_type, endpoint) > 0),
    constraint silences_end_after_they_start check (until > starts_at),
    constraint silences_are_ended_by_somebody check ((ended_at is null) = (ended_by is null))
);

alter table synkron.health enable row level security;
alter table synkron.samples enable row level security;
alter table synkron.health_hours enable row level security;
alter table synkron.probe_spend enable row level security;
alter table synkron.warmth enable row level security;
alter table synkron.warm_ups enable row level security;
alter table synkron.incidents enable row level security;
alter table synkron.announcements enable row level security;
alter table synkron.silences enable row level security;

-- As before, but that pages are filled by half: a row's next version finds room beside it, and need not be found by the
-- indexes. In the end no more room is taken, as what would be left behind elsewhere is not.
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
                'including generated including storage) with (fillfactor = 50)', partition, parent);
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

-- The partitions that there are, from here on.
do $$
declare
    partition regclass;
begin
    for partition in
        select inhrelid from pg_inherits
        where inhparent in ('synkron.runs'::regclass, 'synkron.attempts'::regclass)
    loop
        execute format('alter table %s set (fillfactor = 50)', partition);
    end loop;
end $$;
