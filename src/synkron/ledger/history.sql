-- What the ledger tells: for the commands and the demo's view.

-- name: runs
-- Decided occurrences, the newest first; each filter counts when it is not null.
select id, key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    execute_after, action, reason, occurrences, cron_schedule, timezone, state, attempt, failures, claimed_at, started_at,
    finished_at, next_attempt_at, drift, http_status, error
from synkron.runs
where ($1::text is null or org_id = $1)
    and ($2::text is null or integration_type = $2)
    and ($3::text is null or state = $3)
    and ($4::timestamptz is null or scheduled_for >= $4)
order by scheduled_for desc, id desc
limit $5;

-- name: run
select id, key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    execute_after, action, reason, occurrences, cron_schedule, timezone, state, attempt, failures, claimed_at, started_at,
    finished_at, next_attempt_at, drift, http_status, error
from synkron.runs where id = $1;

-- name: attempts
select attempt, worker, enqueued_at, started_at, finished_at, duration, outcome, http_status, error
from synkron.attempts where run_id = $1 order by attempt;

-- name: totals
-- What became of what was decided from $1 on. How late it started counts where it was due after $1 and fired on time:
-- what was caught up, or was due before anybody looked, is late by definition. The bound on the scheduled moment
-- lets the index runs_newest serve; it allows for the longest usual catch-up.
select
    count(*) filter (where action = 'run') as claimed,
    count(*) filter (where state = 'running') as running,
    count(*) filter (where state = 'succeeded') as succeeded,
    count(*) filter (where state = 'failed') as failed,
    count(*) filter (where state = 'skipped') as skipped,
    percentile_disc(0.5) within group (order by drift)
        filter (where source = 'schedule' and scheduled_for >= $1) as drift_p50,
    percentile_disc(0.95) within group (order by drift)
        filter (where source = 'schedule' and scheduled_for >= $1) as drift_p95
from synkron.runs
where claimed_at >= $1 and scheduled_for >= $1 - interval '2 days';
