-- Attempts at runs, and how they end. Each change is one conditional statement; an empty result is a lost race.
-- Statements that concurrent runs need take many runs at once.

-- name: start
-- requirement R17.2, R17.4
-- Takes the seats of the integrations and starts the next attempts of the runs $1. A run that is not returned has
-- finished, is not due yet, or must wait for another run of its integration: a running one, or an older unfinished
-- one. A run that is already running is taken over only by the same job ($3, in the order of $1), which the queue
-- hands out again when its worker has died, or if that job is gone; never while its target has accepted it. The new
-- attempt's number fences the old attempt. A worker that was stopped may come with a job that the queue has given to
-- another ($4 is this worker's mark in the queue): it starts nothing. The jobs' heartbeats are renewed, so that the
-- worker's lease begins here, except heartbeats younger than $5. Rows are locked in the order of their numbers, so
-- that callers can't deadlock.
-- Plan: runs are looked up by their number. With the condition `finished_at is null`, the index of unfinished runs
-- would be read from end to end. No indexed column changes, so the row's new version is made beside the old one and no
-- index is written (heap-only tuple).
with candidate as (
    select runs.id, scheduled_for, integration_id, integration_type, source, asked.job_id
    from unnest($1::bigint[], $3::bigint[]) asked (run_id, job_id), synkron.runs
    where runs.id = asked.run_id and state in ('claimed', 'running') and next_attempt_at <= clock_timestamp()
        and not (state = 'running' and completes_by is not null)
        and not exists (select from synkron.queue job where job.id = asked.job_id and job.queue_manager_id <> $4)
        and synkron.is_at_home()
    order by runs.id
    for update of runs
),
first as (
    -- A seat is taken once in a statement.
    select distinct on (integration_id) *
    from candidate
    where not exists (
        select from synkron.runs older
        where older.integration_id = candidate.integration_id
            and older.scheduled_for < candidate.scheduled_for
            and older.finished_at is null
            -- A run that an operator asked for does not wait for runs that wait for their vendor.
            and not (candidate.source = 'manual' and older.deferred_until > clock_timestamp() and older.state = 'claimed')
    )
    order by integration_id, scheduled_for, job_id
),
seat as (
    insert into synkron.running as held (integration_id, run_id, job_id)
    select integration_id, id, job_id
    from first
    on conflict (integration_id) do update set job_id = excluded.job_id, since = clock_timestamp()
        where held.run_id = excluded.run_id
            and (held.job_id = excluded.job_id or not exists (select from synkron.queue job where job.id = held.job_id))
    returning run_id, job_id, since
),
lost as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = 'lost',
        error = 'the worker was lost before it could record the outcome'
    from seat
    where attempts.run_id = seat.run_id and attempts.finished_at is null
    returning attempts.run_id
),
started as (
    update synkron.runs set
        state = 'running',
        attempt = runs.attempt + 1,
        failures = runs.failures + (select count(*) from lost where lost.run_id = runs.id),
        crashes = runs.crashes + (select count(*) from lost where lost.run_id = runs.id),
        started_at = coalesce(runs.started_at, seat.since),
        completes_by = null,
        deferred_until = null,
        released_at = null
    from seat
    where runs.id = seat.run_id
    returning runs.*, seat.since, seat.job_id
),
renewed as (
    update synkron.queue set heartbeat = clock_timestamp()
    from seat
    where queue.id = seat.job_id and queue.heartbeat < clock_timestamp() - $5::interval
),
attempted as (
    insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, enqueued_at)
    select started.id, started.scheduled_for, started.attempt, $2, started.since,
        (select greatest(job.created, job.execute_after) from synkron.queue job where job.id = started.job_id)
    from started
)
select {run[started]}, job_id
from started;

-- name: finish
-- Ends the attempts $2 of the runs $1, each once, and only by the worker that holds the run. $3 are the runs' next
-- states; if that is 'claimed', the next attempt is $4 from now. $5 to $7 are the attempts' outcomes, $8 to $11 the
-- timing of their calls. The run that comes next, which is the same run or the oldest that waits behind it, gets a job.
-- Returns the runs whose attempt was ended; the others were taken over by another worker. Plan: as in start.
with ending as (
    select runs.id, runs.scheduled_for, asked.*
    from unnest(
            $1::bigint[], $2::integer[], $3::text[], $4::interval[], $5::text[], $6::integer[], $7::text[],
            $8::interval[], $9::text[], $10::text[], $11::interval[]
        ) asked (run_id, attempt, next_state, wait, outcome, status, what, duration, warmth, known_by, cost),
        synkron.runs
    where runs.id = asked.run_id
        and runs.state = 'running' and runs.attempt = asked.attempt
    order by runs.id
    for update of runs
),
finished as (
    update synkron.runs set
        state = next_state,
        next_attempt_at = case when next_state = 'claimed' then clock_timestamp() + wait else next_attempt_at end,
        finished_at = case when next_state = 'claimed' then null else clock_timestamp() end,
        failures = failures + case when outcome in ('retryable', 'final') then 1 else 0 end,
        http_status = status,
        error = what,
        completes_by = null
    from ending
    where runs.id = ending.id and runs.scheduled_for = ending.scheduled_for
    returning runs.id, runs.scheduled_for, runs.integration_id, runs.integration_type, runs.attempt, next_state,
        next_attempt_at, outcome, status, what, duration, warmth, known_by, cost
),
freed as (
    delete from synkron.running using finished
    where running.integration_id = finished.integration_id and running.run_id = finished.id
),
ended as (
    update synkron.attempts set
        finished_at = clock_timestamp(), outcome = finished.outcome, http_status = status, error = what,
        -- Values that are not given, for example when an accepted run is completed, stay as they were.
        duration = coalesce(finished.duration, attempts.duration),
        warmth = coalesce(finished.warmth, attempts.warmth),
        warmth_known_by = coalesce(finished.known_by, attempts.warmth_known_by),
        cold_start_cost = coalesce(finished.cost, attempts.cold_start_cost)
    from finished
    where attempts.run_id = finished.id and attempts.attempt = finished.attempt
        and attempts.scheduled_for = finished.scheduled_for
),
enqueued as (
    insert into synkron.queue (priority, entrypoint, payload, execute_after, status)
    select 0, next.integration_type, convert_to(next.id::text, 'UTF8'), greatest(next.at, now()), 'queued'
    from finished
    cross join lateral (
        select id, integration_type,
            case when runs.id = finished.id then finished.next_attempt_at else runs.next_attempt_at end as at
        from synkron.runs
        where runs.integration_id = finished.integration_id
            and runs.finished_at is null
            and case
                when finished.next_state = 'claimed' then runs.id = finished.id
                else runs.state = 'claimed' and runs.next_attempt_at <= clock_timestamp() + interval '5 seconds'
            end
        order by runs.scheduled_for
        limit 1
    ) next
)
select id from finished;

-- name: accept
-- Records that the targets of the attempts $2 have accepted the runs $1 and have $3 to report the outcomes. $4 are the
-- statuses of their answers, $5 what was missing from them, $6 to $9 the timing of the calls. Until then a run is running
-- and keeps its seat. Its next attempt is put off as well, so that earlier releases, which do not know this state, leave
-- it alone. Returns the runs that were accepted; the others were taken over or have ended. Plan: as in start.
with answered as (
    select runs.id, runs.scheduled_for, asked.*
    from unnest(
            $1::bigint[], $2::integer[], $3::interval[], $4::integer[], $5::text[],
            $6::interval[], $7::text[], $8::text[], $9::interval[]
        ) asked (run_id, attempt, within, status, what, duration, warmth, known_by, cost),
        synkron.runs
    where runs.id = asked.run_id
        and runs.state = 'running' and runs.attempt = asked.attempt
    order by runs.id
    for update of runs
),
accepted as (
    update synkron.runs set
        completes_by = clock_timestamp() + within, next_attempt_at = clock_timestamp() + within, http_status = status,
        error = what
    from answered
    where runs.id = answered.id and runs.scheduled_for = answered.scheduled_for
    returning answered.*
)
update synkron.attempts set
    http_status = status, error = what, duration = accepted.duration, warmth = accepted.warmth,
    warmth_known_by = known_by, cold_start_cost = cost
from accepted
where attempts.run_id = accepted.run_id and attempts.attempt = accepted.attempt
    and attempts.scheduled_for = accepted.scheduled_for
returning attempts.run_id;

-- name: cancelled
-- Those of the attempts $2 of the runs $1, with the moments $3, that an operator has cancelled.
select attempts.run_id
from unnest($1::bigint[], $2::integer[], $3::timestamptz[]) asked (run_id, attempt, scheduled_for),
    synkron.attempts
where attempts.run_id = asked.run_id and attempts.attempt = asked.attempt
    and attempts.scheduled_for = asked.scheduled_for and attempts.outcome = 'cancelled';

-- name: defer
-- Lets the run $1 wait for its vendor to recover ($2 is the reason), for $3 from when it first waited. Returns its
-- wait; after that it is delivered in any case. Returns nothing if the run is under way, waits for its next attempt or
-- has waited that long already, or if the endpoint $4 no longer has one of the verdicts $5: a worker's knowledge is a
-- few seconds old.
with clock as materialized (select clock_timestamp() as at)
update synkron.runs set
    deferred_at = coalesce(deferred_at, clock.at),
    deferred_reason = $2,
    deferred_until = coalesce(deferred_at, clock.at) + $3,
    released_at = null,
    next_attempt_at = coalesce(deferred_at, clock.at) + $3
from clock
where id = $1 and state = 'claimed' and next_attempt_at <= clock.at and coalesce(deferred_at, clock.at) + $3 > clock.at
    and exists (select from synkron.health where endpoint = $4 and verdict = any ($5::text[]))
returning id, integration_type, next_attempt_at - now() as wait;

-- name: release_alone
select pg_advisory_xact_lock(hashtext('synkron.release'));

-- name: release
-- Releases runs of the type $1 that waited for its vendor, the oldest first, one every $2, after those that were
-- released before and have not started; none later than its wait would have ended. Plan: the index of deferred runs.
with before as (
    select max(next_attempt_at) as at
    from synkron.runs
    where integration_type = $1 and deferred_at is not null and finished_at is null and released_at is not null
),
waiting as (
    select id, scheduled_for, row_number() over (order by scheduled_for, id) as place
    from synkron.runs
    where integration_type = $1 and deferred_at is not null and finished_at is null and deferred_until > now()
        and state = 'claimed'
    order by scheduled_for, id
    limit 1000
)
update synkron.runs set
    deferred_until = null,
    released_at = now(),
    next_attempt_at = least(
        greatest(now(), before.at + $2::interval) + (place - 1) * $2::interval, runs.deferred_until
    )
from waiting, before
where runs.id = waiting.id and runs.scheduled_for = waiting.scheduled_for and runs.state = 'claimed'
returning runs.id, runs.integration_type, next_attempt_at - now() as wait;

-- name: overdue
-- Accepted runs that were not completed in time. Uses the index runs_overdue. A run that is being completed right now
-- is left out; a run that its worker has started again is no longer accepted (start clears `completes_by`).
select {run[runs]}, completes_by
from synkron.runs
where state = 'running' and finished_at is null and completes_by <= clock_timestamp()
order by completes_by
limit 1000
for update skip locked;
