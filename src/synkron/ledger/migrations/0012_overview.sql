-- What the overview of the integrations is sorted and searched by: a copy of the application's rows, of what their
-- schedules mean, and figures from their runs. A page takes its order from here, and what it shows from the tables
-- themselves (docs/decisions/0039-the-overview-is-a-copy.md). The service refreshes it while somebody looks.

-- The words of a text by which it is found, in small letters: what stands between blanks and punctuation of ASCII.
create function synkron.words(given text) returns text[] language sql immutable parallel safe as $$
    select array_remove(regexp_split_to_array(lower(given), '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+'), '')
$$;

-- Each distinct schedule of a type's rows that can run, and how many rows have it. `next_key` is its next moment, in seconds since 1970: infinite if there
-- is none, and -infinite until a refresh has worked it out.
create table synkron.overview_schedules (
    id bigint generated always as identity primary key,
    cron_schedule text collate "C" not null,
    timezone text collate "C" not null,
    zone_is_number boolean not null,
    integration_type text collate "C" not null,
    integrations integer not null default 0,
    is_valid boolean not null default true,
    next_key double precision not null default '-infinity',
    unique (cron_schedule, timezone, zone_is_number, integration_type)
);
-- Query overview.by_next_fire, and refresh.passed: which schedules fire next?
create index overview_schedules_next on synkron.overview_schedules (next_key, id);

-- The rows. Rows that share an id, or have none, have places from 1 on; a row with an id of its own has the place 0.
-- `schedule_id` is null if the row is not to run, or is unfit to, whatever its schedule means.
create table synkron.overview_integrations (
    integration_id text collate "C" not null,
    place integer not null,
    org_id text collate "C" not null,
    organization text not null,
    integration_type text collate "C" not null,
    is_enabled boolean not null,
    cron_schedule text,
    organization_exists boolean not null,
    timezone text,
    zone_is_number boolean not null,
    oddity text,
    schedule_id bigint,
    is_live boolean not null generated always as (is_enabled and cron_schedule is not null) stored,
    is_unfit boolean not null
        generated always as (is_enabled and cron_schedule is not null and schedule_id is null) stored,
    organization_key text collate "C" not null
        generated always as (lower(left(organization, 100)) || chr(1) || org_id || chr(1) || integration_type) stored,
    type_key text collate "C" not null
        generated always as (integration_type || chr(1) || lower(left(organization, 100)) || chr(1) || org_id) stored,
    words tsvector not null generated always as (
        array_to_tsvector(synkron.words(organization || ' ' || integration_type)
            || array_remove(array[lower(org_id), lower(integration_id)], ''))
    ) stored,
    primary key (integration_id, place)
);
-- Queries overview.by_organization and overview.by_type.
create index overview_by_organization on synkron.overview_integrations (organization_key, integration_id, place);
create index overview_by_type on synkron.overview_integrations (type_key, integration_id, place);
-- Queries overview.by_next_fire, by schedule, and overview.without_next_fire.
create index overview_by_schedule on synkron.overview_integrations (schedule_id, integration_id, place);
create index overview_without_schedule on synkron.overview_integrations (integration_id, place) where schedule_id is null;
-- Query overview.found: the rows that can't run although they should, those of an organization, and those that contain a word.
create index overview_invalid on synkron.overview_integrations (integration_id) where is_unfit;
create index overview_of_organization on synkron.overview_integrations (org_id);
create index overview_words on synkron.overview_integrations using gin (words);

-- Figures from the newest runs of an integration. The keys are sorted upwards: seconds since 1970, negative, so that the
-- newest is first; seconds of drift, negative; infinite where there is nothing. `is_open`: a run has not ended, or is a
-- failure that stands, so that the figures may change without a new run.
create table synkron.overview_runs (
    integration_id text collate "C" primary key,
    last_key double precision not null default 'infinity',
    drift_key double precision not null default 'infinity',
    failing_key double precision not null default 'infinity',
    is_open boolean not null default true,
    measured_at timestamptz
);
-- Queries overview.by_last_run, overview.by_drift and overview.failing.
create index overview_runs_last on synkron.overview_runs (last_key, integration_id);
create index overview_runs_drift on synkron.overview_runs (drift_key, integration_id);
create index overview_runs_failing on synkron.overview_runs (failing_key, integration_id) where failing_key < 'infinity';
-- Query refresh.open: whose figures may have changed?
create index overview_runs_open on synkron.overview_runs (measured_at nulls first) where is_open;

-- How the copy was refreshed last: when that began, how long it took, and up to which run its figures are complete.
create table synkron.overview_refreshes (
    one boolean primary key default true check (one),
    at timestamptz not null,
    took interval not null,
    seen_run bigint not null
);
