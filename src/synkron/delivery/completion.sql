-- Runs that their targets accepted and complete later.

-- name: integration_type
select integration_type from synkron.runs where id = $1;

-- name: run
-- The run $1 with its integration's overrides, locked, so that one of several completions counts.
select
    r.id, r.key, r.integration_id, r.org_id, r.integration_type, r.source, r.scheduled_for, r.period_start, r.period_end,
    r.state, r.attempt, r.failures, r.crashes, r.drift,
    r.completes_by, coalesce(r.completes_by <= clock_timestamp(), false) as is_overdue,
    v.catch_up, v.catch_up_window, v.overlap, v.spread, v.attempts, v.backoff, v.timeout, v.completion_timeout
from synkron.runs r
left join synkron.overrides v on v.integration_id = r.integration_id
where r.id = $1
for update of r;

-- name: overdue
-- Accepted runs that were not completed in time, the index runs_overdue serving. One that is being completed right now
-- is left to that; a run that its worker has started again is not accepted any more (start clears `completes_by`).
select id, key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    attempt, failures, crashes, drift, completes_by
from synkron.runs
where state = 'running' and finished_at is null and completes_by <= clock_timestamp()
order by completes_by
limit 1000
for update skip locked;
