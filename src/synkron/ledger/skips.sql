-- Claimed runs that are skipped.

-- name: skip
-- Closes the runs $1, which must not be delivered any more, for the reasons $2: those that wait, and those whose
-- worker died, with the seats that they held ($3 are their jobs and $4 the worker's queue_manager_id, as in start). The oldest run
-- of each integration and type that waits behind them gets a job. The period of superseded runs goes to the next run,
-- if that is already claimed and its period has not been sent to a target. Returns the runs that were closed; the
-- others have ended, or are under way elsewhere. Plan: as in start, and a seat is looked up by its integration.
with ending as (
    select runs.id, runs.scheduled_for, asked.why
    from unnest($1::bigint[], $2::text[], $3::bigint[]) asked (run_id, why, job_id), synkron.runs
    where runs.id = asked.run_id
        and {may_be_taken[$4]}
    order by runs.id
    for update of runs
),
skipped as (
    update synkron.runs set state = 'skipped', finished_at = clock_timestamp(), reason = why
    from ending
    where runs.id = ending.id and runs.scheduled_for = ending.scheduled_for
    returning runs.id, runs.scheduled_for, runs.integration_id, runs.integration_type, runs.period_start, why
),
superseded as (
    -- Consecutive runs of one integration that were closed together, as one period.
    select integration_id, max(scheduled_for) as until,
        case when bool_and(period_start is not null) then min(period_start) end as since
    from (
        select *, count(*) filter (where begins) over (partition by integration_id order by scheduled_for) as stretch
        from (
            select *, period_start is distinct from
                lag(scheduled_for) over (partition by integration_id order by scheduled_for) as begins
            from skipped
            where starts_with(why, 'superseded')
        ) neighbours
    ) stretches
    group by integration_id, stretch
),
takes_over as (
    update synkron.runs set period_start = superseded.since
    from superseded
    where runs.integration_id = superseded.integration_id and runs.period_start = superseded.until
        and runs.scheduled_for > superseded.until and runs.finished_at is null
        and runs.state = 'claimed' and runs.attempt = 0 and runs.source_class = 'schedule'
        and runs.id not in (select id from skipped)
),
freed as (
    delete from synkron.running using skipped
    where running.integration_id = skipped.integration_id and running.run_id = skipped.id
),
lost as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = 'lost', error = why
    from skipped
    where attempts.run_id = skipped.id and attempts.scheduled_for = skipped.scheduled_for
        and attempts.finished_at is null
),
enqueued as (
    insert into synkron.queue (priority, entrypoint, payload, execute_after, status)
    select 0, next.integration_type, convert_to(next.id::text, 'UTF8'), greatest(next.next_attempt_at, now()), 'queued'
    from {behind[skipped]}
)
select id from skipped;
