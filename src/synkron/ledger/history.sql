-- Questions to the ledger, for the commands and the demo.

-- name: runs
-- Decided occurrences of a scope (organization $1, type $2, integration $3), the newest first. A filter that is null is
-- not applied. A page begins after the run with the moment $8 and the number $9.
select {recorded_run[runs]}
from synkron.runs
where ($1::text is null or org_id = $1)
    and ($2::text is null or integration_type = $2)
    and ($3::text is null or integration_id = $3)
    and ($4::text is null or state = $4)
    -- What follows from the state, so that rare ones are found by the indexes runs_unfinished and runs_failed.
    and ($4 is null or $4 not in ('claimed', 'running') or finished_at is null)
    and ($4 is distinct from 'failed' or failed_at is not null)
    and ($5::timestamptz is null or scheduled_for >= $5)
    and ($7::timestamptz is null or scheduled_for < $7)
    and ($8::timestamptz is null or scheduled_for <= $8 and (scheduled_for, id) < ($8, $9::bigint))
order by scheduled_for desc, id desc
limit $6;

-- name: run
select {recorded_run[runs]}
from synkron.runs where id = $1;

-- name: attempts
select attempt, worker, enqueued_at, started_at, finished_at, duration, outcome, http_status, error
from synkron.attempts where run_id = $1 order by attempt;

-- name: totals
-- The results of the occurrences decided from $1 on. The drift counts only those that were due after $1 and fired on
-- time: catch-ups, and moments before anybody looked, are late by definition. The limit on the scheduled moment makes
-- the index runs_newest usable; it allows for the longest usual catch-up.
select
    count(*) filter (where action = 'run') as claimed,
    count(*) filter (where state = 'running') as running,
    count(*) filter (where state = 'succeeded') as succeeded,
    count(*) filter (where state = 'failed') as failed,
    count(*) filter (where state = 'skipped') as skipped,
    count(*) filter (where action = 'run' and (source = 'catch_up' or (source = 'schedule' and scheduled_for < $1)))
        as caught_up,
    coalesce(sum(occurrences) filter (
        where action = 'merge' or source = 'catch_up' or (source = 'schedule' and scheduled_for < $1)
    ), 0)::bigint as caught_up_moments,
    percentile_disc(0.5) within group (order by drift)
        filter (where source = 'schedule' and scheduled_for >= $1) as drift_p50,
    percentile_disc(0.95) within group (order by drift)
        filter (where source = 'schedule' and scheduled_for >= $1) as drift_p95
from synkron.runs
where claimed_at >= $1 and scheduled_for >= $1 - interval '2 days';
