-- Where time is lost, for `synkron drift`: runs of the schedule, on time or caught up, whose moment is from $1 to $2,
-- of a scope (organization $3, type $4, integration $5; null is any).

-- name: stages
-- By type: how long the stages of the first attempts took, as percentiles ($7; 1 is the maximum); `start` is how late
-- they started, and `late` counts those beyond $6. The turn and the worker are separate only if the time at which the
-- job was enqueued is on record. synkron.ledger.drift defines the stages; a test compares both. Plan: the index
-- runs_newest, or runs_newest_of_organization; the first attempts are joined, for many runs by a hash.
-- Scans: the months' attempts, once, for a command.
select
    run.integration_type,
    count(*) as runs,
    count(*) filter (where run.late > $6) as late,
    percentile_disc($7::float8[]) within group (order by spread_over) as spread,
    percentile_disc($7::float8[]) within group (order by ticked) as tick,
    percentile_disc($7::float8[]) within group (order by turned - ready) as turn,
    percentile_disc($7::float8[]) within group (order by stop - turned) as worker,
    percentile_disc($7::float8[]) within group (order by run.late) as start,
    percentile_disc($7::float8[]) within group (order by first.duration) as target,
    count(turned) as told_apart,
    count(first.duration) as answered,
    -- Only if the target reports when it booted: from the duration of the call, only a cold start can be detected.
    count(*) filter (where first.warmth = 'warm' and first.warmth_known_by = 'header') as warm,
    count(*) filter (where first.warmth = 'cold' and first.warmth_known_by = 'header') as cold
from (
    select
        id, integration_type, source, scheduled_for, execute_after, claimed_at, started_at, {late[runs]} as late
    from synkron.runs
    where scheduled_for >= $1 and scheduled_for <= $2
        and source in ('schedule', 'catch_up')
        and started_at is not null
        and ($3::text is null or org_id = $3)
        and ($4::text is null or integration_type = $4)
        and ($5::text is null or integration_id = $5)
) run
left join synkron.attempts first
    on first.run_id = run.id and first.attempt = 1 and first.scheduled_for = run.scheduled_for
cross join lateral (select greatest(run.started_at, run.scheduled_for) as stop) stopped
cross join lateral (
    select greatest(run.scheduled_for, least(stop,
        case run.source when 'catch_up' then run.claimed_at else run.execute_after end)) as half_way
) planned
cross join lateral (
    select greatest(half_way, least(stop,
        case run.source when 'catch_up' then run.execute_after else run.claimed_at end)) as ready
) claimed
cross join lateral (
    select
        case run.source when 'catch_up' then ready - half_way else half_way - run.scheduled_for end as spread_over,
        case run.source when 'catch_up' then half_way - run.scheduled_for else ready - half_way end as ticked,
        case when first.enqueued_at is not null then greatest(ready, least(stop, first.enqueued_at)) end as turned
) spans
group by run.integration_type
order by run.integration_type;

-- name: waiting
-- By type, the runs that could have started by $2 and have not: how many, and how many beyond $6. Paused runs, and runs
-- that wait for their vendor (until next_attempt_at), are left out. Plan: as above, or the index runs_unfinished.
select
    integration_type,
    count(*) as waiting,
    count(*) filter (where $2 - case source when 'catch_up' then scheduled_for else execute_after end > $6) as late
from synkron.runs
where scheduled_for >= $1 and scheduled_for <= $2
    and source in ('schedule', 'catch_up')
    and finished_at is null and attempt = 0 and next_attempt_at <= $2
    and ($3::text is null or org_id = $3)
    and ($4::text is null or integration_type = $4)
    and ($5::text is null or integration_id = $5)
    and not {paused[$2]}
group by integration_type;

-- name: worst
-- The $6 runs that started latest, or could have started by $2 and have not, without those left out above.
-- Scans: the queue, once, for a command.
with worst as materialized (
    select id, integration_id, org_id, integration_type, source, scheduled_for, execute_after, claimed_at, started_at,
        coalesce(started_at, $2) - case source when 'catch_up' then scheduled_for else execute_after end as late
    from synkron.runs
    where scheduled_for >= $1 and scheduled_for <= $2
        and source in ('schedule', 'catch_up')
        and ($3::text is null or org_id = $3)
        and ($4::text is null or integration_type = $4)
        and ($5::text is null or integration_id = $5)
        and (started_at is not null or finished_at is null and next_attempt_at <= $2 and not {paused[$2]})
    order by late desc, id
    limit $6
)
select worst.*, coalesce(first.enqueued_at, job.enqueued_at) as enqueued_at, first.duration
from worst
left join synkron.attempts first
    on first.run_id = worst.id and first.attempt = 1 and first.scheduled_for = worst.scheduled_for
left join (
    select payload, max(greatest(created, execute_after)) as enqueued_at from synkron.queue group by payload
) job on worst.started_at is null and job.payload = convert_to(worst.id::text, 'UTF8')
order by worst.late desc, worst.id;
