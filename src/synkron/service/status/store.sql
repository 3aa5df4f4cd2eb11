-- What a glance needs of the ledger.

-- name: ticks
-- The newest tick that moved the watermark, and when pg_cron last claimed what was planned. Plan: the index ticks_newest;
-- one of pg_cron is looked for within an hour.
select
    last.at, last.scheduler, last.source,
    (
        select max(at) from synkron.ticks
        where at > now() - interval '1 hour' and source = 'pg_cron' and not {moves_watermark[ticks]}
    ) as pg_cron_claimed_at
from (select) always
left join (
    select at, scheduler, source from synkron.ticks where {moves_watermark[ticks]} order by at desc limit 1
) last on true;

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
    (select count(*) from synkron.pauses where starts_at <= $1 and ended_at is null and (until is null or until > $1))
        as pauses,
    (select count(*) from synkron.held) as held;
