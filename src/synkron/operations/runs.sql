-- The statements of operations on runs: trigger, backfill, retry, cancel.

-- name: lock
-- Locked in a fixed order, before the statements that read synkron.running, which then see its current rows.
select from synkron.runs where id = any($1::bigint[]) order by id for update;

-- name: runs
select id, key, integration_id, org_id, integration_type, scheduled_for, state, failures, error
from synkron.runs
where id = any($1::bigint[])
order by id;

-- name: retry
-- Run ended runs again: $1 the runs, $2 when each may start, $3 the reason, null to keep it. Returns them with the
-- waits of their jobs, counted from the transaction's start like those of the queue. The attempt numbers continue, as
-- they are the fence.
update synkron.runs set
    state = 'claimed', failures = 0, crashes = 0, retries = retries + 1, finished_at = null, completes_by = null,
    http_status = null, error = null, reason = coalesce($3, reason), next_attempt_at = again.at,
    execute_after = case when attempt = 0 then again.at else execute_after end
from unnest($1::bigint[], $2::timestamptz[]) again (id, at)
where runs.id = again.id and state in ('failed', 'skipped')
returning runs.id, integration_type, again.at - now() as wait;

-- name: cancel
-- End the runs $1, which the caller has locked, for the reason $2, with their open attempts and their rows in
-- synkron.running. Returns the oldest waiting run of each integration, with its wait (as above).
with cancelled as (
    update synkron.runs set
        state = case state when 'claimed' then 'skipped' else 'failed' end,
        reason = case state when 'claimed' then $2 else reason end,
        error = case state when 'running' then $2 else error end,
        http_status = case state when 'running' then null else http_status end,
        finished_at = clock_timestamp(),
        completes_by = null
    where id = any($1::bigint[]) and state in ('claimed', 'running')
    returning id, scheduled_for, integration_id, integration_type
),
freed as (
    delete from synkron.running using cancelled
    where running.integration_id = cancelled.integration_id and running.run_id = cancelled.id
),
ended as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = 'cancelled', error = $2
    from cancelled
    where attempts.run_id = cancelled.id and attempts.scheduled_for = cancelled.scheduled_for
        and attempts.finished_at is null
)
select next.id, next.integration_type, next.next_attempt_at - now() as wait
from {behind[cancelled]};

-- name: merged
-- How many moments were merged into each of the runs $1, and the first of them, without those that a backfill ran
-- since.
select run.id, count(*) as occurrences, min(merged.scheduled_for) as start
from synkron.runs run
join synkron.runs merged on merged.integration_id = run.integration_id
    and merged.scheduled_for < run.scheduled_for
    and merged.scheduled_for > coalesce(run.period_start, '-infinity')
where run.id = any($1::bigint[]) and run.source_class = 'schedule' and merged.action = 'merge'
    and not exists (
        select from synkron.runs own
        where own.integration_id = merged.integration_id
            and own.scheduled_for = merged.scheduled_for
            and own.state <> 'skipped'
            and own.source = 'backfill'
    )
group by run.id;

-- name: jobs
-- The jobs of the runs $1, waiting or with a worker. The queue has no index from a run to its job, so it is read once.
-- Locked by id, the order of every statement that locks several jobs.
-- Scans: the queue, once, for a command.
select id from synkron.queue
where payload = any(array(select convert_to(run::text, 'UTF8') from unnest($1::bigint[]) run))
order by id
for update;

-- name: last_period_end
-- The end of the newest successful period of the integration $1 before $2. A period ends at its run's moment, so the
-- index runs_delivered_once can be used.
select period_end
from synkron.runs
where integration_id = $1 and state = 'succeeded' and scheduled_for < $2
order by scheduled_for desc
limit 1;

-- name: waiting
-- The oldest unfinished run of the integration $1, if any.
select id, state from synkron.runs
where integration_id = $1 and finished_at is null
order by scheduled_for
limit 1;

-- name: watermark
-- The moment up to which occurrences are decided; null before the first tick.
select max(at) from synkron.watermark;

-- name: recorded
-- The ledger's rows for the moments of the integrations $1 from $2 on and before $3: one row each; the run that
-- delivers a moment is preferred to other decisions. A merged moment has the run whose period has it as `cover`.
select distinct on (r.integration_id, r.scheduled_for)
    r.id, r.integration_id, r.scheduled_for, r.source, r.state, r.reason, r.period_start, r.occurrences,
    cover.id as cover_id, cover.state as cover_state
from synkron.runs r
left join lateral (
    select id, state
    from synkron.runs
    where r.action = 'merge'
        and runs.integration_id = r.integration_id
        and runs.source_class = 'schedule'
        and runs.action = 'run'
        and runs.state <> 'skipped'
        and runs.scheduled_for > r.scheduled_for
        and coalesce(runs.period_start, '-infinity') < r.scheduled_for
    order by runs.scheduled_for
    limit 1
) cover on true
where r.integration_id = any($1::text[])
    and r.scheduled_for >= $2 and r.scheduled_for < $3
    and r.source <> 'manual'
order by r.integration_id, r.scheduled_for, r.state = 'skipped', r.source = 'backfill' desc, r.id;

-- name: covering
-- Of each of the integrations $1, the runs after $2 that were not skipped, up to the first one from $3 on, whose period
-- begins before $3. The period of the first run of all begins nowhere: it covers no time before it.
select run.integration_id, run.id, run.state, run.scheduled_for, run.period_start, run.cron_schedule, run.timezone
from unnest($1::text[]) asked (id)
cross join lateral (
    select coalesce(min(scheduled_for), 'infinity') as until
    from synkron.runs
    where integration_id = asked.id and scheduled_for >= $3 and action = 'run' and state <> 'skipped' and source <> 'manual'
) last
join synkron.runs run on run.integration_id = asked.id and run.scheduled_for > $2 and run.scheduled_for <= last.until
where run.action = 'run' and run.state <> 'skipped' and run.source <> 'manual' and run.period_start < $3
order by run.integration_id, run.scheduled_for;
