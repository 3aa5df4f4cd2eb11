-- Runs that their targets have accepted and complete later.

-- name: integration_type
select integration_type from synkron.runs where id = $1;

-- name: run
-- The run $1 with its integration's overrides, locked, so that only one of several completions counts.
select
    r.id, r.key, r.integration_id, r.org_id, r.integration_type, r.source, r.scheduled_for, r.period_start, r.period_end,
    r.state, r.attempt, r.failures, r.crashes, r.drift,
    r.completes_by, coalesce(r.completes_by <= clock_timestamp(), false) as is_overdue,
    v.catch_up, v.catch_up_window, v.overlap, v.spread, v.attempts, v.backoff, v.timeout, v.completion_timeout
from synkron.runs r
left join synkron.overrides v on v.integration_id = r.integration_id
where r.id = $1
for update of r;
