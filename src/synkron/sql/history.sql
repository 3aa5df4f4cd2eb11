-- What the ledger tells: for the commands and the demo's view.

-- name: runs
-- Decided occurrences, the newest first; each filter counts when it is not null.
select id, key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    action, reason, occurrences, cron_schedule, timezone, state, attempt, failures, claimed_at, started_at,
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
    action, reason, occurrences, cron_schedule, timezone, state, attempt, failures, claimed_at, started_at,
    finished_at, next_attempt_at, drift, http_status, error
from synkron.runs where id = $1;

-- name: attempts
select attempt, worker, started_at, finished_at, outcome, http_status, error
from synkron.attempts where run_id = $1 order by attempt;

-- name: totals
-- What became of the occurrences from $1 on. How late they started counts for those that were fired on time: one
-- that was caught up after an outage is late by definition.
select
    count(*) filter (where action = 'run') as claimed,
    count(*) filter (where state = 'running') as running,
    count(*) filter (where state = 'succeeded') as succeeded,
    count(*) filter (where state = 'failed') as failed,
    count(*) filter (where state = 'skipped') as skipped,
    percentile_disc(0.5) within group (order by drift) filter (where source = 'schedule') as drift_p50,
    percentile_disc(0.95) within group (order by drift) filter (where source = 'schedule') as drift_p95
from synkron.runs
where scheduled_for >= $1;
