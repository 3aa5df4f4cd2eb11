-- Refreshes the copy that the overview is sorted and searched by. One process at a time does it.

-- name: alone
select pg_try_advisory_xact_lock(hashtext('synkron.overview'));

-- name: last
-- How it was refreshed last; no row if it never was.
select at, took, seen_run, now() as now from synkron.overview_refreshes;

-- name: room
-- All rows are joined and compared in memory; the default of 4 MB would write them to disk several times. To sort a
-- million texts for a merge join takes longer than to hash them.
select set_config('work_mem', '128MB', true), set_config('enable_mergejoin', 'off', true);

-- name: rows
-- Makes the copy of the rows equal to the tables; $1 are the types that the settings know. A row that is as it was is not
-- written again. Returns how many there are, were written, and are gone.
-- Scans: both tables and their copy: a row may have changed without any sign of it.
with read as materialized (
    select {row}, {doubled} as doubled, coalesce({legible[n.name 200]}, '') as organization
    from {rows}
    left join {named_organizations} n on n.id = i.org_id and organization_twice.id is null
),
given as materialized (
    select
        integration_id, place, org_id, organization, integration_type, is_enabled, cron_schedule, organization_exists,
        timezone, zone_is_number, coalesce(oddity, doubled) as oddity,
        case
            when is_enabled and coalesce(oddity, doubled) is null and organization_exists
                and integration_type = any($1::text[]) and octet_length(cron_schedule) <= 512
            then cron_schedule
        end as schedule
    from (
        select *, 0 as place from read where coalesce(oddity, doubled, '') !~ '^(id|row) '
        union all
        select *, row_number() over (partition by integration_id order by org_id, integration_type, cron_schedule)
        from read where coalesce(oddity, doubled, '') ~ '^(id|row) '
    ) placed
),
wanted as materialized (
    select distinct schedule, coalesce(timezone, '') as timezone, zone_is_number, integration_type
    from given
    where schedule is not null
),
made as (
    insert into synkron.overview_schedules (cron_schedule, timezone, zone_is_number, integration_type)
    select schedule, timezone, zone_is_number, integration_type
    from wanted
    where not exists (
        select from synkron.overview_schedules known
        where (known.cron_schedule, known.timezone, known.zone_is_number, known.integration_type)
            = (wanted.schedule, wanted.timezone, wanted.zone_is_number, wanted.integration_type)
    )
    returning id, cron_schedule, timezone, zone_is_number, integration_type
),
known as (
    select id, cron_schedule, timezone, zone_is_number, integration_type from synkron.overview_schedules
    union all
    select id, cron_schedule, timezone, zone_is_number, integration_type from made
),
found as materialized (
    select given.*, known.id as schedule_id
    from given
    left join known
        on (known.cron_schedule, known.timezone, known.zone_is_number, known.integration_type)
            = (given.schedule, coalesce(given.timezone, ''), given.zone_is_number, given.integration_type)
),
gone as (
    delete from synkron.overview_integrations o
    where not exists (select from found where (found.integration_id, found.place) = (o.integration_id, o.place))
    returning integration_id
),
changed as materialized (
    select found.*
    from found
    left join synkron.overview_integrations o
        on (o.integration_id, o.place) = (found.integration_id, found.place)
    where o.integration_id is null
        or (o.org_id, o.organization, o.integration_type, o.is_enabled, o.cron_schedule, o.organization_exists, o.timezone,
                o.zone_is_number, o.oddity, o.schedule_id)
            is distinct from (found.org_id, found.organization, found.integration_type, found.is_enabled,
                found.cron_schedule, found.organization_exists, found.timezone, found.zone_is_number, found.oddity,
                found.schedule_id)
),
written as (
    insert into synkron.overview_integrations as o (
        integration_id, place, org_id, organization, integration_type, is_enabled, cron_schedule, organization_exists,
        timezone, zone_is_number, oddity, schedule_id
    )
    select
        integration_id, place, org_id, organization, integration_type, is_enabled, cron_schedule, organization_exists,
        timezone, zone_is_number, oddity, schedule_id
    from changed
    on conflict (integration_id, place) do update set
        org_id = excluded.org_id, organization = excluded.organization, integration_type = excluded.integration_type,
        is_enabled = excluded.is_enabled, cron_schedule = excluded.cron_schedule,
        organization_exists = excluded.organization_exists, timezone = excluded.timezone,
        zone_is_number = excluded.zone_is_number, oddity = excluded.oddity, schedule_id = excluded.schedule_id
),
figures as (
    insert into synkron.overview_runs (integration_id)
    select distinct integration_id from changed
    on conflict do nothing
)
select
    (select count(*) from found) as rows,
    (select count(*) from changed) as written,
    (select count(*) from gone) as gone;

-- name: count
-- Counts the rows of each schedule, when rows were written or are gone.
-- Scans: the copy, once.
update synkron.overview_schedules s set integrations = coalesce(counted.rows, 0)
from synkron.overview_schedules known
left join (
    select schedule_id, count(*) as rows from synkron.overview_integrations where schedule_id is not null group by 1
) counted on counted.schedule_id = known.id
where s.id = known.id and s.integrations <> coalesce(counted.rows, 0);

-- name: forget
-- Deletes the figures of integrations whose rows are gone, and schedules that no row has any more.
-- Scans: the copy, once, when rows were written or are gone.
with figures as (
    delete from synkron.overview_runs r
    where not exists (select from synkron.overview_integrations o where o.integration_id = r.integration_id)
)
delete from synkron.overview_schedules where integrations = 0;

-- name: passed
-- The schedules whose next moment is not known, or has come. Plan: the index overview_schedules_next.
select id, cron_schedule, timezone, zone_is_number
from synkron.overview_schedules
where next_key <= extract(epoch from $1::timestamptz);

-- name: schedules
-- The next moments $2, and whether the schedules $1 are valid. Plan: looks them up by their numbers.
update synkron.overview_schedules s set
    next_key = coalesce(extract(epoch from given.next_at), 'infinity'), is_valid = given.is_valid
from unnest($1::bigint[], $2::timestamptz[], $3::boolean[]) given (id, next_at, is_valid)
where s.id = given.id;

-- name: claimed
-- Up to $2 runs after the number $1: their integrations, and up to which number they are complete: those of the last two
-- minutes may have older ones beside them that are not committed yet. Plan: the primary key of each month.
select array_agg(distinct integration_id) as integration_ids, count(*) as runs,
    case when count(*) < $2 then max(id) filter (where claimed_at < now() - interval '2 minutes') else max(id) end as seen
from (select id, integration_id, claimed_at from synkron.runs where id > $1 order by id limit $2) newer;

-- name: open
-- Up to $1 integrations whose figures may have changed, those that were never measured first. Plan: the index
-- overview_runs_open.
select integration_id, measured_at is null as is_new
from synkron.overview_runs
where is_open
order by measured_at nulls first
limit $1;

-- name: measure
-- Measures the integrations $1 again.
update synkron.overview_runs r set
    last_key = coalesce(-extract(epoch from figures.last_at), 'infinity'),
    drift_key = coalesce(-extract(epoch from figures.drift_p95), 'infinity'),
    failing_key = coalesce(-extract(epoch from figures.failing_since), 'infinity'),
    is_open = figures.is_unfinished or figures.failing_since is not null,
    measured_at = now()
from unnest($1::text[]) asked (id)
cross join lateral (
    select
        max(run.scheduled_for) as last_at,
        {drift_p95[run]} as drift_p95,
        {failing_since[run]} as failing_since,
        coalesce(bool_or(run.finished_at is null), false) as is_unfinished
    from {newest_runs[asked.id]} run
) figures
where r.integration_id = asked.id;

-- name: record
-- Notes when this refresh began, in this transaction, and how long it took. Without a row, the figures are complete up to
-- the newest run: new rows are measured in any case.
insert into synkron.overview_refreshes (at, took, seen_run)
select now(), clock_timestamp() - now(), coalesce(max(id), 0) from synkron.runs
on conflict (one) do update set at = excluded.at, took = excluded.took;

-- name: seen
-- Notes up to which run $1 the figures are complete.
update synkron.overview_refreshes set seen_run = greatest(seen_run, $1);
