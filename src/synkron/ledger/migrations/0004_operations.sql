-- What operators set and change, and what they look at: policies, pauses, the audit, nodes, verifications, faults.

-- What is set for one integration and takes the place of its type's policy. Null leaves the type's value.
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

-- How many starts of a type with a pace are planned in each minute.
create table synkron.pace (
    integration_type text not null,
    minute timestamptz not null,
    starts integer not null check (starts > 0),
    primary key (integration_type, minute)
);

-- Who must not run: an integration, an organization, a type, a type of an organization, or everything (all null).
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
-- Queries conditions.waiting, conditions.started_late, verify.recorded and why.pauses: which pauses lasted then?
create index pauses_by_end on synkron.pauses ((coalesce(least(ended_at, until), 'infinity')));

-- The pause that an integration is under at a moment, if there is one. Of several it is the one that lasts longest.
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

-- Integrations whose moments after `since` are not decided yet, and why: a pause, a type that the scheduler's
-- settings do not know, or an organization that is missing.
create table synkron.held (
    integration_id text primary key,
    since timestamptz not null,
    reason text not null default 'pause' check (reason in ('pause', 'type', 'organization'))
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

-- The processes that work on this database, as they report themselves. `skew` is their host's clock minus the
-- database's. `tzdata` is the version of their time zone rules; null where the process does not know it.
create table synkron.nodes (
    name text not null,
    role text not null,
    version text not null,
    tzdata text,
    started_at timestamptz not null,
    seen_at timestamptz not null,
    stopped_at timestamptz,
    skew interval not null,
    primary key (name, role)
);

-- What `synkron verify` found, as the service keeps it. `undelivered` counts moments that were decided and not
-- delivered, `uncovered` the gaps in time that no run covers.
create table synkron.verifications (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    since timestamptz not null,
    until timestamptz not null,
    expected integer not null,
    missed integer not null,
    doubled integer not null,
    late integer not null,
    unexplained integer not null,
    undelivered integer not null default 0,
    uncovered integer not null default 0
);
create index verifications_newest on synkron.verifications (at desc);

-- Errors inside Synkron itself, from which the incidents `internal_fault` are made: a row for each process, loop,
-- class of the exception and place in the code. An exception's text is not kept, because it may contain data from
-- outside. A thousand rows are kept at most, for a week at most.
create table synkron.internal_faults (
    node text not null,
    loop text not null,
    error text not null,
    place text not null,
    times bigint not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    primary key (node, loop, error, place),
    check (times > 0),
    check (last_at >= first_at),
    check (length(node) <= 300 and length(loop) <= 100 and length(error) <= 100 and length(place) <= 200)
);
-- Query conditions.internal_faults: which came again lately?
create index internal_faults_newest on synkron.internal_faults (last_at);

alter table synkron.overrides enable row level security;
alter table synkron.pace enable row level security;
alter table synkron.pauses enable row level security;
alter table synkron.held enable row level security;
alter table synkron.audit enable row level security;
alter table synkron.nodes enable row level security;
alter table synkron.verifications enable row level security;
alter table synkron.internal_faults enable row level security;
