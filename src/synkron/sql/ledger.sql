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
select synkron.keep_partitions($1, $2, $3);

-- name: forget
-- What the queue and the ticks leave behind; the runs themselves are forgotten with their partition.
with queue_log as (delete from synkron.queue_log where created < $1::timestamptz - interval '7 days'),
    queue_statistics as (delete from synkron.queue_statistics where created < $1::timestamptz - interval '7 days')
delete from synkron.ticks where at < $2::timestamptz;

-- name: record_tick
insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
values ($1, $2, $3, $4, $5, $6, 0, 0, $7)
returning id;

-- name: complete_tick
update synkron.ticks set claimed = $2, skipped = $3 where id = $1;

-- name: claim
-- One row for each decision that nobody made before; the rest are lost races, and are not answered.
insert into synkron.runs (
    key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    execute_after, next_attempt_at, action, reason, occurrences, cron_schedule, timezone, tick_id, state, finished_at
)
select
    key, integration_id, org_id, integration_type, source, scheduled_for, period_start, scheduled_for,
    scheduled_for, scheduled_for, action, reason, occurrences, cron_schedule, timezone, $1,
    case when action = 'run' then 'claimed' else 'skipped' end,
    case when action = 'run' then null else now() end
from unnest(
    $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::integer[], $12::text[], $13::text[]
) decided (
    key, integration_id, org_id, integration_type, source, scheduled_for, period_start,
    action, reason, occurrences, cron_schedule, timezone
)
on conflict on constraint runs_once do nothing
returning id, integration_type, scheduled_for, state;

-- name: adrift
-- Unfinished runs whose turn came a minute ago and that no job stands for: their worker was lost at the wrong moment.
-- A run behind an older one of its integration has no job either: it gets one when that one ends (finish, skip).
select id, integration_type
from synkron.runs
where state in ('claimed', 'running')
    and next_attempt_at < now() - interval '1 minute'
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
-- worker has died, or when that job is gone. The new attempt's number fences the old one.
with candidate as (
    select id, scheduled_for, integration_id, integration_type, attempt
    from synkron.runs
    where id = $1 and state in ('claimed', 'running') and next_attempt_at <= clock_timestamp()
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
        started_at = coalesce(runs.started_at, seat.since)
    from seat, candidate
    where runs.id = candidate.id and runs.scheduled_for = candidate.scheduled_for
    returning runs.*
),
attempted as (
    insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at)
    select started.id, started.scheduled_for, started.attempt, $2, seat.since from started, seat
)
select id, key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
    attempt, failures, drift
from started;

-- name: finish
-- End an attempt, once, and only by the worker that holds the run: $2 is its attempt. $3 is the run's next state; when
-- that is 'claimed', its next attempt is $4 from now. Answers the run whose turn it is then, if any: the same one, or
-- the oldest that waits behind it. Answers nothing at all when the run was taken over by another worker.
with finished as (
    update synkron.runs set
        state = $3,
        next_attempt_at = case when $3 = 'claimed' then clock_timestamp() + $4 else next_attempt_at end,
        finished_at = case when $3 = 'claimed' then null else clock_timestamp() end,
        failures = failures + case when $5 in ('retryable', 'final') then 1 else 0 end,
        http_status = $6,
        error = $7
    where id = $1 and state = 'running' and attempt = $2
    returning id, scheduled_for, integration_id, integration_type, attempt
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
        case when runs.id = finished.id then $4 else greatest(next_attempt_at - clock_timestamp(), interval '0') end as wait
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

-- name: skip
-- Close a run that must not be delivered any more: one that waits, or one whose worker died, with the seat that it held
-- ($3 is the job, as in start). Answers the oldest run that waits behind it, if any; nothing at all when the run has
-- ended, or is under way elsewhere.
with skipped as (
    update synkron.runs set state = 'skipped', finished_at = clock_timestamp(), reason = $2
    where id = $1
        and (
            state = 'claimed'
            or state = 'running' and exists (
                select from synkron.running held
                where held.run_id = runs.id
                    and (held.job_id = $3 or not exists (select from synkron.queue job where job.id = held.job_id))
            )
        )
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
    select id, integration_type, greatest(next_attempt_at - clock_timestamp(), interval '0') as wait
    from synkron.runs
    where runs.integration_id = skipped.integration_id
        and runs.integration_type = skipped.integration_type
        and runs.state = 'claimed'
        and runs.id <> skipped.id
        and runs.next_attempt_at <= clock_timestamp() + interval '5 seconds'
    order by runs.scheduled_for
    limit 1
) next on true;
