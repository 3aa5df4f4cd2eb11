-- The ledger's statements. Each changes what it changes in one conditional statement; an empty answer is a lost race.

-- name: clock
select now();

-- name: first_watermark
-- A first boot starts at half a minute ago: it never fires the past.
insert into synkron.watermark (at) values (now() - interval '30 seconds') on conflict (one) do nothing;

-- name: watermark
select at from synkron.watermark for update;

-- name: move_watermark
update synkron.watermark set at = greatest(at, $1);

-- name: keep_partitions
-- Makes them, and drops none: a tick must not wait for whoever reads an old one, and everybody else behind the tick.
select synkron.keep_partitions($1, $2, '-infinity');

-- name: wait_briefly
set local lock_timeout = '1s';

-- name: drop_partitions
-- This month's is there: none is made.
select synkron.keep_partitions(now(), now(), $1);

-- name: forget
-- What the queue and the ticks leave behind; the runs themselves are forgotten with their partition.
with queue_log as (delete from synkron.queue_log where created < $1::timestamptz - interval '7 days'),
    queue_statistics as (delete from synkron.queue_statistics where created < $1::timestamptz - interval '7 days')
delete from synkron.ticks where at < $2::timestamptz;

-- name: record_tick
insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid, snapshot)
values ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8::text::pg_snapshot)
returning id;

-- name: complete_tick
update synkron.ticks set claimed = $2, skipped = $3 where id = $1;

-- name: claim
-- One row for each moment ($11 on) of the decisions ($2 to $10) that nobody decided before; the rest are lost races.
-- Answers the runs to deliver, and how many rows were decided against. `on conflict` names no constraint, as a moment
-- may be taken by a run that an operator asked for as well.
with decided as (
    select *
    from unnest(
        $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[]
    ) with ordinality decision (
        integration_id, org_id, integration_type, source, action, reason, cron_schedule, timezone, execute_after, number
    )
),
inserted as (
    insert into synkron.runs (
        key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
        execute_after, next_attempt_at, action, reason, occurrences, cron_schedule, timezone, tick_id, state, finished_at
    )
    select
        moment.key, integration_id, org_id, integration_type, source, scheduled_for, period_start, scheduled_for,
        coalesce(execute_after, scheduled_for), coalesce(execute_after, scheduled_for), action, reason, occurrences,
        cron_schedule, timezone, $1,
        case when action = 'run' then 'claimed' else 'skipped' end,
        case when action = 'run' then null else now() end
    from unnest($11::bigint[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::integer[])
        moment (number, key, scheduled_for, period_start, occurrences)
    join decided using (number)
    on conflict do nothing
    returning id, integration_type, execute_after, state
)
select id, integration_type, execute_after, (select count(*) from inserted where state = 'skipped') as skipped
from (select count(*) from inserted) counted
left join inserted on state = 'claimed';

-- name: undecided
-- Those of the moments ($1 integration, $2 moment, $3 source), by number, that no row of their class stands for.
select number
from unnest($1::text[], $2::timestamptz[], $3::text[]) with ordinality asked (integration_id, moment, source, number)
where not exists (
    select from synkron.runs
    where runs.integration_id = asked.integration_id
        and runs.scheduled_for = asked.moment
        and runs.source_class = case when asked.source in ('manual', 'backfill') then asked.source else 'schedule' end
)
order by number;

-- name: adrift
-- Unfinished runs whose turn came a minute ago and that no job stands for: their worker was lost at the wrong moment,
-- or a pause held them that has ended. A run behind an older one of its integration has no job either: it gets one when
-- that one ends (finish, skip). One that its target has accepted waits for its completion. Plan: the pauses are an
-- anti-join, as calling pause_over for each of many claimed runs takes longer than the time between two ticks.
select id, integration_type
from synkron.runs
where state in ('claimed', 'running')
    and next_attempt_at < now() - interval '1 minute'
    and not (state = 'running' and completes_by is not null)
    and not exists (
        select from synkron.pauses
        where pauses.ended_at is null
            and pauses.starts_at <= now()
            and (pauses.until is null or pauses.until > now())
            and (pauses.org_id is null or pauses.org_id = runs.org_id)
            and (pauses.integration_type is null or pauses.integration_type = runs.integration_type)
            and (pauses.integration_id is null or pauses.integration_id = runs.integration_id)
    )
    and not exists (
        select from synkron.runs older
        where older.integration_id = runs.integration_id
            and older.integration_type = runs.integration_type
            and older.scheduled_for < runs.scheduled_for
            and older.state in ('claimed', 'running')
    )
    and not exists (select from synkron.queue job where job.payload = convert_to(runs.id::text, 'UTF8'))
order by scheduled_for, id
limit 1000;

-- name: start
-- Take the integration's seat and start the run's next attempt. Answers nothing when the run has finished, is not to be
-- tried yet, or must wait for another run of its integration: one that is running, or an older one that is unfinished.
-- A run that is running already is taken over only by the same job ($3), which the queue hands out again when its
-- worker has died, or when that job is gone; never while its target has accepted it. The new attempt's number fences
-- the old one. A worker that was stopped may come with a job that the queue has given to another ($4 is the worker's
-- own mark there): it starts nothing. The job's heartbeat is renewed, so that the worker's lease begins right here.
with candidate as (
    select id, scheduled_for, integration_id, integration_type, attempt
    from synkron.runs
    where id = $1 and state in ('claimed', 'running') and next_attempt_at <= clock_timestamp()
        and not (state = 'running' and completes_by is not null)
        and not exists (select from synkron.queue job where job.id = $3 and job.queue_manager_id <> $4)
    for update
),
seat as (
    insert into synkron.running as held (integration_id, run_id, job_id)
    select integration_id, id, $3::bigint
    from candidate
    where not exists (
        select from synkron.runs older
        where older.integration_id = candidate.integration_id
            and older.integration_type = candidate.integration_type
            and older.scheduled_for < candidate.scheduled_for
            and older.state in ('claimed', 'running')
    )
    on conflict (integration_id) do update set job_id = excluded.job_id, since = clock_timestamp()
        where held.run_id = excluded.run_id
            and (held.job_id = excluded.job_id or not exists (select from synkron.queue job where job.id = held.job_id))
    returning run_id, since
),
lost as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = 'lost',
        error = 'the worker was lost before it could say what came of it'
    from seat
    where attempts.run_id = seat.run_id and attempts.finished_at is null
    returning attempts.run_id
),
started as (
    update synkron.runs set
        state = 'running',
        attempt = candidate.attempt + 1,
        failures = runs.failures + (select count(*) from lost),
        crashes = runs.crashes + (select count(*) from lost),
        started_at = coalesce(runs.started_at, seat.since),
        completes_by = null
    from seat, candidate
    where runs.id = candidate.id and runs.scheduled_for = candidate.scheduled_for
    returning runs.*
),
renewed as (
    update synkron.queue set heartbeat = clock_timestamp() from seat where queue.id = $3
),
attempted as (
    insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at)
    select started.id, started.scheduled_for, started.attempt, $2, seat.since from started, seat
)
select id, key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    attempt, failures, crashes, drift
from started;

-- name: finish
-- End an attempt, once, and only by the worker that holds the run: $2 is its attempt. $3 is the run's next state; when
-- that is 'claimed', its next attempt is $4 from now. Answers the run whose turn it is then, if any: the same one, or
-- the oldest that waits behind it. Its wait counts from now(), as the queue's do: in a transaction, from its start.
-- Answers nothing at all when the run was taken over by another worker.
with finished as (
    update synkron.runs set
        state = $3,
        next_attempt_at = case when $3 = 'claimed' then clock_timestamp() + $4 else next_attempt_at end,
        finished_at = case when $3 = 'claimed' then null else clock_timestamp() end,
        failures = failures + case when $5 in ('retryable', 'final') then 1 else 0 end,
        http_status = $6,
        error = $7,
        completes_by = null
    where id = $1 and state = 'running' and attempt = $2
    returning id, scheduled_for, integration_id, integration_type, attempt, next_attempt_at
),
freed as (
    delete from synkron.running using finished
    where running.integration_id = finished.integration_id and running.run_id = finished.id
),
ended as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = $5, http_status = $6, error = $7
    from finished
    where attempts.run_id = finished.id and attempts.attempt = finished.attempt
        and attempts.scheduled_for = finished.scheduled_for
)
select next.id, next.integration_type, next.wait
from finished
left join lateral (
    select id, integration_type,
        case when runs.id = finished.id then finished.next_attempt_at else runs.next_attempt_at end - now() as wait
    from synkron.runs
    where runs.integration_id = finished.integration_id
        and runs.integration_type = finished.integration_type
        and case
            when $3 = 'claimed' then runs.id = finished.id
            else runs.state = 'claimed' and runs.next_attempt_at <= clock_timestamp() + interval '5 seconds'
        end
    order by runs.scheduled_for
    limit 1
) next on true;

-- name: accept
-- The target of the attempt $2 has taken the run and has $3 to say what came of it. The run is running until then, and
-- keeps its seat. Its next attempt is put off likewise, so that a release that knows nothing of this leaves it alone.
with accepted as (
    update synkron.runs set
        completes_by = clock_timestamp() + $3, next_attempt_at = clock_timestamp() + $3, http_status = $4, error = null
    where id = $1 and state = 'running' and attempt = $2
    returning id, scheduled_for, attempt
)
update synkron.attempts set http_status = $4
from accepted
where attempts.run_id = accepted.id and attempts.attempt = accepted.attempt
    and attempts.scheduled_for = accepted.scheduled_for
returning attempts.run_id;

-- name: skip
-- Close a run that must not be delivered any more: one that waits, or one whose worker died, with the seat that it held
-- ($3 is the job and $4 the worker's mark, as in start). Answers the oldest run that waits behind it, if any, and its
-- wait as in finish; nothing at all when the run has ended, or is under way elsewhere.
with skipped as (
    update synkron.runs set state = 'skipped', finished_at = clock_timestamp(), reason = $2
    where id = $1
        and (
            state = 'claimed'
            or state = 'running' and completes_by is null and exists (
                select from synkron.running held
                where held.run_id = runs.id
                    and (held.job_id = $3 or not exists (select from synkron.queue job where job.id = held.job_id))
            )
        )
        and not exists (select from synkron.queue job where job.id = $3 and job.queue_manager_id <> $4)
    returning id, scheduled_for, integration_id, integration_type
),
freed as (
    delete from synkron.running using skipped
    where running.integration_id = skipped.integration_id and running.run_id = skipped.id
),
lost as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = 'lost', error = $2
    from skipped
    where attempts.run_id = skipped.id and attempts.scheduled_for = skipped.scheduled_for
        and attempts.finished_at is null
)
select next.id, next.integration_type, next.wait
from skipped
left join lateral (
    select id, integration_type, next_attempt_at - now() as wait
    from synkron.runs
    where runs.integration_id = skipped.integration_id
        and runs.integration_type = skipped.integration_type
        and runs.state = 'claimed'
        and runs.id <> skipped.id
        and runs.next_attempt_at <= clock_timestamp() + interval '5 seconds'
    order by runs.scheduled_for
    limit 1
) next on true;
