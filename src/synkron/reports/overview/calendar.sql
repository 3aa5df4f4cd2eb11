-- An integration's moments of a month.

-- name: decided
-- What the ledger has of the integration $1 from $2 up to $3, and rows that stand for many moments and reach into that.
-- Plan: the index runs_once of each month.
select id as run_id, source, action, state, reason, scheduled_for, period_start, occurrences, cron_schedule, timezone,
    started_at, finished_at, error, state = 'failed' and {last_cancelled[runs]} as was_cancelled
from synkron.runs
where integration_id = $1 and scheduled_for >= $2
    and (scheduled_for < $3 or occurrences > 1 and coalesce(period_start, '-infinity') < $3)
order by scheduled_for, source, id;

-- name: standing
-- Up to which moment everything is decided, and whether the integration $1 is on hold, since when and why.
select now() as now, (select at from synkron.watermark) as watermark, h.since as held_since, h.reason as held_for
from (select) nothing
left join synkron.held h on h.integration_id = $1;
