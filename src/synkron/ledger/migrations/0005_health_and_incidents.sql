-- What is known of the vendors and the targets, and the incidents that operators are told about.

-- What is known of each vendor's endpoint, from all organizations. An integration type that nothing is probed for has
-- an endpoint of its own.
create table synkron.health (
    endpoint text primary key,
    integration_types text[] not null,
    verdict text not null default 'unknown'
        check (verdict in ('healthy', 'degraded', 'unreachable', 'unauthorized', 'throttled', 'unknown')),
    reason text not null default 'it was not contacted yet',
    known_by text check (known_by in ('run', 'probe', 'passive')),
    since timestamptz not null,
    -- The last contact of either kind, and the last probe. No probe is sent where next_probe_at is null.
    sampled_at timestamptz,
    probed_at timestamptz,
    next_probe_at timestamptz,
    -- The HTTP method that the vendor was found to serve.
    method text,
    -- How many probes, and how many runs, have failed in a row.
    failures integer not null default 0 check (failures >= 0),
    failed_runs integer not null default 0 check (failed_runs >= 0),
    -- Whose run failed last; null if the runs of several organizations did.
    failed_org_id text,
    -- How often in a row the first probe after a throttle was refused, and until when no probe is sent.
    throttles integer not null default 0 check (throttles >= 0),
    passive_until timestamptz,
    constraint health_known_somehow check ((verdict = 'unknown') = (known_by is null))
);

-- Contacts with an endpoint: a row for each probe, and one for runs that showed the same.
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

-- The contacts of the samples, counted by the hour.
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

-- How many probes were sent in a month, and how many of them the vendor counts.
create table synkron.probe_spend (
    endpoint text not null,
    month date not null,
    probes integer not null default 0,
    counted integer not null default 0 check (counted <= probes),
    primary key (endpoint, month)
);

-- When a type's target was called last, by a run or a warm-up.
create table synkron.warmth (
    integration_type text primary key,
    met_at timestamptz not null
);

-- Each warm-up: the moment of the runs that it was for, and what the target answered.
create table synkron.warm_ups (
    id bigint generated always as identity primary key,
    integration_type text not null,
    at timestamptz not null,
    scheduled_for timestamptz not null,
    http_status integer check (http_status between 100 and 599),
    duration interval,
    warmth text check (warmth in ('warm', 'cold')),
    error text
);
create index warm_ups_newest on synkron.warm_ups (at desc);

-- What operators are told about. `subject` tells the incidents of a kind apart; one of each subject is open at most.
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
    -- Which organizations are affected, and counts.
    touches jsonb not null default '{}',
    -- Since when it is so, which may be before it was noticed, and when it was so for the last time.
    since timestamptz not null,
    opened_at timestamptz not null,
    seen_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    closed_at timestamptz,
    -- When it was announced last; null while a silence keeps it from being announced.
    announced_at timestamptz,
    constraint incidents_acknowledged_by_somebody check ((acknowledged_at is null) = (acknowledged_by is null)),
    constraint incidents_close_after_they_open check (closed_at >= opened_at)
);
create unique index incidents_open on synkron.incidents (kind, subject) where closed_at is null;
create index incidents_newest on synkron.incidents (opened_at desc);
-- Query incidents.recent: how often did it open lately?
create index incidents_again on synkron.incidents (kind, subject, opened_at desc);

-- One message to one channel. It is sent at least once, with the same id each time.
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

-- Which incidents are not announced, from a moment to an end. An incident must match every column that is not null.
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
-- Query incidents.silencing: which silences last?
create index silences_lasting on synkron.silences (until) where ended_at is null;

alter table synkron.health enable row level security;
alter table synkron.samples enable row level security;
alter table synkron.health_hours enable row level security;
alter table synkron.probe_spend enable row level security;
alter table synkron.warmth enable row level security;
alter table synkron.warm_ups enable row level security;
alter table synkron.incidents enable row level security;
alter table synkron.announcements enable row level security;
alter table synkron.silences enable row level security;
