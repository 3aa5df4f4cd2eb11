-- What a page shows of its rows: as they are now, in one transaction with its order.

-- name: rows
-- The rows of the integrations $1, as they are now, with the names of their organizations. Whether an organization's
-- id is on several rows is known from the copy, because it takes a scan where no unique index says so. Plan: looks them
-- up by the primary keys.
select {row}, copy.oddity as doubled, coalesce({legible[n.name 200]}, '') as organization
from {integration_rows} i
left join {organization_rows} o on o.id = i.org_id
left join {named_organizations} n on n.id = i.org_id
left join synkron.overview_integrations copy
    on copy.integration_id = i.id::text and copy.place = 0 and copy.oddity = 'organization twice'
where i.id = any({ids[$1]});

-- name: copies
-- The copies of the rows that have no id of their own, by which they could be looked up: $1 and the places $2.
select o.integration_id, o.place, o.org_id, o.organization, o.integration_type, o.is_enabled, o.cron_schedule,
    o.organization_exists, o.timezone, o.zone_is_number, null::timestamptz as updated_at, o.oddity, null as doubled
from unnest($1::text[], $2::integer[]) asked (integration_id, place)
join synkron.overview_integrations o on (o.integration_id, o.place) = (asked.integration_id, asked.place);

-- name: strips
-- The newest 30 runs of each of the integrations $1, the oldest first. Plan: the index runs_once of each month, in its
-- order, up to the limit.
select asked.id as integration_id, run.*
from unnest($1::text[]) asked (id)
cross join lateral (
    select id as run_id, state, source, scheduled_for, started_at, finished_at
    from synkron.runs
    where runs.integration_id = asked.id and action = 'run'
    order by scheduled_for desc
    limit 30
) run
order by asked.id, run.scheduled_for, run.run_id;

-- name: figures
-- The p95 of the drift of each of the integrations $1, and since when it fails. Plan: as above, for 100 runs.
select asked.id as integration_id, figures.*
from unnest($1::text[]) asked (id)
cross join lateral (
    select {drift_p95[run]} as drift_p95, {failing_since[run]} as failing_since from {newest_runs[asked.id]} run
) figures
where num_nonnulls(figures.drift_p95, figures.failing_since) > 0;

-- name: held
-- Which of the integrations $1 are on hold, since when and why.
select integration_id, since, reason from synkron.held where integration_id = any($1::text[]);

-- name: endpoints
-- What is known of the vendors' endpoints $1.
select endpoint, verdict, reason, since, sampled_at from synkron.health where endpoint = any($1::text[]);
