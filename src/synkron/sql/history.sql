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
