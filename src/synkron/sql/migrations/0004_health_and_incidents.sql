-- Health, warm-up, drift by stage, and incidents. Everything is added: the previous release's scheduler and worker run
-- beside this one's.

alter table synkron.attempts
    -- When the job was enqueued that started the attempt, and how long the target took to answer.
    add column enqueued_at timestamptz,
    add column duration interval check (duration >= interval '0'),
    -- Whether the target was warm, how that is known, and what a cold start cost, as far as that can be told.
    add column warmth text check (warmth in ('warm', 'cold')),
    add column warmth_known_by text check (warmth_known_by in ('header', 'time')),
    add column cold_start_cost interval check (cold_start_cost >= interval '0'),
    add constraint attempts_warmth_is_known_somehow check ((warmth is null) = (warmth_known_by is null)),
    add constraint attempts_only_cold_ones_cost check (cold_start_cost is null or warmth = 'cold');
-- Query conditions.cold_starts: which attempts met a cold target lately?
create index attempts_cold on synkron.attempts (finished_at) where warmth = 'cold';

alter table synkron.runs
    -- Since when, and why, a run was made to wait for its vendor to recover; and until when at most, while it waits.
    add column deferred_at timestamptz,
    add column deferred_reason text,
    add column deferred_until timestamptz,
    add constraint runs_deferred_for_a_reason check ((deferred_at is null) = (deferred_reason is null)),
    add constraint runs_deferred_from_a_moment_on check (deferred_until > deferred_at);
-- Query attempts.release: which runs wait for a vendor, or were given their turn after it?
create index runs_deferred on synkron.runs (integration_type) where deferred_at is not null and state = 'claimed';
-- Query conditions.late: which runs started late? Nothing under a minute is called so.
create index runs_started_late on synkron.runs (started_at) where drift > interval '1 minute';
-- Query conditions.failed: which runs have failed for good?
create index runs_failed on synkron.runs (finished_at) where state = 'failed';

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
create index samples_newest on synkron.samples (endpoint, at desc);
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
