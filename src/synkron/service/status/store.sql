-- What a glance needs of the ledger.

-- name: pg_cron_claimed_at
-- When pg_cron last claimed what was planned, within an hour. Plan: the index ticks_newest.
select max(at) from synkron.ticks
where at > now() - interval '1 hour' and source = 'pg_cron' and not {moves_watermark[ticks]};

-- name: runs
-- The unfinished runs. Plan: the index runs_unfinished of each month, as `waiting` of the conditions.
select
    count(*) filter (where state = 'claimed' and deferred_until is null and next_attempt_at <= $1) as waiting,
    count(*) filter (where state = 'running' and completes_by is null) as running,
    count(*) filter (where state = 'running' and completes_by is not null) as accepted,
    count(*) filter (where state = 'claimed' and deferred_until is not null) as on_hold
from synkron.runs
where finished_at is null;

-- name: counts
-- The pauses in effect at $1, and the integrations that were due and could not run.
-- Scans: held, which is as long as the answer counts.
select
    (select count(*) from synkron.pauses where {in_effect[$1]}) as pauses,
    (select count(*) from synkron.held) as held;
