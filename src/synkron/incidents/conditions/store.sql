-- What is wrong at the moment $1; the runs are those of a scope ($4 to $6). Bounded by an index and a limit: all run every
-- half minute, on millions of runs.

-- name: waiting
-- Up to $3 of the runs that are late and have not started, each with its waiting job, if any, and since when it waits.
-- Plan: as in the fragment; the queue is read once, and only if any run is late (as in claims.without_job).
-- Scans: the queue; an index from a run to its job would have to be written for each run.
with {late_waiting[$3]}
select distinct on (late.id) late.*, greatest(job.created, job.execute_after) as enqueued_at
from late
left join synkron.queue job on job.payload = convert_to(late.id::text, 'UTF8')
order by late.id, job.created desc;

-- name: started_late
-- Up to $3 of the runs that started late, with their first attempts. Plan: as in the fragment.
with {late_started[$3]}
select late.*, first.enqueued_at, first.duration
from late
left join synkron.attempts first
    on first.run_id = late.id and first.attempt = 1 and first.scheduled_for = late.scheduled_for;

-- name: count_late
-- How many the two above would give. Plan: as in the fragments.
select
    (with {late_waiting[$3]} select count(*) from late) as waiting,
    (with {late_started[$3]} select count(*) from late) as started;

-- name: failed
-- Of the newest $2 runs that failed within $3: those that stand. Plan: as in the fragment.
with {failures[$2]}
select id as run_id, org_id, integration_type, scheduled_for, finished_at, error,
    (select count(*) from failed) as looked_at
from standing;

-- name: count_failed
-- How many that would give, and how many were looked at. Plan: as in the fragment.
with {failures[$2]}
select count(*) as runs, (select count(*) from failed) as looked_at
from standing;

-- name: endpoints
-- What is known about the endpoints $2, and how many probes of this month their vendors count. Plan: the two primary
-- keys; there are a few rows.
select asked.endpoint, coalesce(health.verdict, 'unknown') as verdict, coalesce(health.reason, '') as reason,
    health.known_by, coalesce(health.since, $1) as since, health.probed_at, health.passive_until,
    coalesce(spend.counted, 0) as counted
from unnest($2::text[]) asked (endpoint)
left join synkron.health health on health.endpoint = asked.endpoint
left join synkron.probe_spend spend
    on spend.endpoint = asked.endpoint and spend.month = date_trunc('month', $1::timestamptz at time zone 'UTC')::date
order by asked.endpoint;

-- name: touched
-- The organizations with live integrations of a type that uses an endpoint: $1 endpoints, $2 types, in pairs. Up to $3
-- integrations of a type are read. Plan: nothing is read unless a vendor is unhealthy. Then the table is read up to the
-- limit: a small part of it for a common type, all of it for a rare one, which takes a tenth of a second at 1,000,000
-- rows.
select asked.endpoint, array_agg(distinct live.org_id) as org_ids, max(live.number) as looked_at
from unnest($1::text[], $2::text[]) asked (endpoint, integration_type)
cross join lateral (
    select few.org_id, row_number() over () as number
    from (
        select coalesce({legible[i.org_id 200]}, '(null)') as org_id
        from {integration_rows} i
        where i.integration_type::text = asked.integration_type and i.is_enabled and i.cron_schedule is not null
        limit $3
    ) few
) live
group by asked.endpoint;

-- name: tick_gaps
-- Gaps of more than $2 between consecutive ticks of the last hour, or between the last tick and now, that ended less
-- than $3 ago; with what was caught up after each: up to $4 decisions; and what pg_cron claimed in it. Neither a replay
-- (tick --at) nor a claim of pg_cron counts as a tick.
-- Plan: the index ticks_newest; for a gap the index runs_newest.
with recent as (
    select at from synkron.ticks
    where at > $1::timestamptz - interval '1 hour' and at <= $1
        and {moves_watermark[ticks]}
    union all
    (
        select at from synkron.ticks
        where at <= $1::timestamptz - interval '1 hour' and {moves_watermark[ticks]}
        order by at desc
        limit 1
    )
),
gap as (
    select at as began, lead(at) over (order by at) as ended from recent
)
select gap.began, gap.ended, caught_up.runs, caught_up.others, (
    select coalesce(sum(claimed), 0) from synkron.ticks
    where at > gap.began and at < coalesce(gap.ended, $1) and source = 'pg_cron'
) as claimed
from gap
cross join lateral (
    select count(*) filter (where action = 'run') as runs, count(*) filter (where action <> 'run') as others
    from (
        select action from synkron.runs
        where scheduled_for > gap.began + interval '30 seconds'
            and scheduled_for < gap.ended - interval '30 seconds'
            and source = 'catch_up'
        limit $4
    ) decided
) caught_up
where coalesce(gap.ended, $1) - gap.began > $2::interval
    and coalesce(gap.ended, $1) > $1::timestamptz - $3::interval
order by gap.began;

-- name: cold_starts
-- The attempts of the last hour that had a cold start, up to $2, by type. Plan: the index attempts_cold, then the run
-- of each by its number.
select
    run.integration_type,
    count(*) as attempts,
    min(cold.finished_at) as first,
    max(cold.finished_at) as last,
    sum(cold.cold_start_cost) as cost,
    max(cold.cold_start_cost) as worst,
    count(*) filter (where cold.warmth_known_by = 'header') as by_header,
    count(*) filter (where cold.warmth_known_by = 'time') as by_time,
    array_agg(distinct run.org_id) as org_ids,
    sum(count(*)) over () as looked_at
from (
    select run_id, scheduled_for, finished_at, warmth_known_by, cold_start_cost
    from synkron.attempts
    where cold_at > $1::timestamptz - interval '1 hour' and cold_at <= $1
    order by cold_at desc
    limit $2
) cold
join synkron.runs run on run.id = cold.run_id and run.scheduled_for = cold.scheduled_for
group by run.integration_type
order by run.integration_type;

-- name: expired
-- What expired within the last day, by type: up to $2 rows, the newest. What somebody has acknowledged since is left
-- out. Plan: the index runs_expired.
select integration_type, sum(occurrences) as occurrences, min(scheduled_for) as first, max(scheduled_for) as last,
    min(claimed_at) as since, array_agg(distinct org_id) as org_ids, sum(count(*)) over () as looked_at
from (
    select integration_type, org_id, occurrences, scheduled_for, claimed_at
    from synkron.runs
    where action = 'expire' and claimed_at <= $1
        and claimed_at > greatest(
            $1::timestamptz - interval '1 day',
            (select max(acknowledged_at) from synkron.incidents where kind = 'moments_expired')
        )
    order by claimed_at desc
    limit $2
) newest
group by integration_type
order by integration_type;

-- name: tzdata
-- The running processes, by the version of the time zone rules that they use; a process is silent for at most $2.
select tzdata, array_agg(distinct name order by name) as nodes
from synkron.nodes
where tzdata is not null and stopped_at is null and seen_at > $1::timestamptz - $2::interval
group by tzdata
order by tzdata;

-- name: verification
-- The newest verification that the service recorded. Plan: the index verifications_newest.
select at, since, until, expected, missed, doubled, unexplained
from synkron.verifications
order by at desc
limit 1;

-- name: internal_faults
-- Faults in Synkron itself within the last $2, up to $3, the newest first. Plan: the index internal_faults_newest;
-- there are a thousand rows at most.
select loop, error, place, array_agg(node order by node) as nodes, sum(times)::bigint as times,
    min(first_at) as first, max(last_at) as last
from synkron.internal_faults
where last_at > $1::timestamptz - $2::interval and last_at <= $1
group by loop, error, place
order by max(last_at) desc, loop, error, place
limit $3;

-- name: names
-- The names of the organizations $1. Plan: the primary key.
select {legible[o.id 200]} as org_id, coalesce({legible[o.name 200]}, '') as name
from {named_organizations} o
where o.id = any({organization_ids[$1]});
