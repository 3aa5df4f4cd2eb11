-- Claims and ticks. Each change is one conditional statement; an empty result is a lost race.

-- name: claim
-- requirement R17.2
-- Writes one row for each moment ($11 on) of the decisions ($2 to $10) that is not decided yet; the rest are lost
-- races. Each run that is to be delivered gets a job, which the queue starts after its moment. Returns the runs, and
-- the number of skipped rows. `on conflict` names no constraint, because a moment may also be taken by a run that an
-- operator asked for.
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
),
enqueued as (
    insert into synkron.queue (priority, entrypoint, payload, execute_after, status)
    select 0, integration_type, convert_to(id::text, 'UTF8'), execute_after, 'queued'
    from inserted
    where state = 'claimed'
)
select
    coalesce(array_agg(id order by id) filter (where state = 'claimed'), '{}') as run_ids,
    count(*) filter (where state = 'skipped') as skipped
from inserted;

-- name: ended
-- The end of the last period that was decided for each of the integrations $1 before the moments $2, by number. Left
-- out if it equals $3, the schedule's previous moment, or if nothing was decided. Plan: usually the last one is found between $3 and $2, in one partition, by the
-- index runs_once; only if nothing is there, the coalesce reads the older partitions, the newest first.
select number, ended
from (
    select asked.number, asked.previous, coalesce(
        (
            select max(scheduled_for)
            from synkron.runs
            where runs.integration_id = asked.integration_id
                and scheduled_for >= asked.previous and scheduled_for < asked.moment
                and {ends_a_period[runs]}
        ),
        (
            select scheduled_for
            from synkron.runs
            where runs.integration_id = asked.integration_id
                and scheduled_for < asked.moment
                and {ends_a_period[runs]}
            order by scheduled_for desc
            limit 1
        )
    ) as ended
    from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) with ordinality
        asked (integration_id, moment, previous, number)
    offset 0
) found
where ended is distinct from previous and ended is not null;

-- name: decided
-- What the ticks decided of each of the integrations $1: from its moment $2 on, up to the first row after its moment $3
-- whose period may have moments before it. That is a run that is delivered, or a row that stands for many; `start` is
-- null of the others. Plan: the index runs_once.
select asked.integration_id, known.at, known.start, known.is_summary
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) asked (integration_id, first, last)
cross join lateral (
    select scheduled_for as at, occurrences > 1 as is_summary,
        case when action = 'run' and state <> 'skipped' or occurrences > 1 then period_start end as start
    from synkron.runs
    where runs.integration_id = asked.integration_id
        and source_class = 'schedule'
        and scheduled_for >= asked.first
        and scheduled_for <= coalesce(
            (
                select min(later.scheduled_for)
                from synkron.runs later
                where later.integration_id = asked.integration_id
                    and later.source_class = 'schedule'
                    and later.scheduled_for > asked.last
                    and (later.action = 'run' and later.state <> 'skipped' or later.occurrences > 1)
            ),
            asked.last
        )
) known
order by asked.integration_id, known.at;

-- name: undecided
-- Those of the moments ($1 integration, $2 moment, $3 source), by number, that have no row of their class.
select number
from unnest($1::text[], $2::timestamptz[], $3::text[]) with ordinality asked (integration_id, moment, source, number)
where not exists (
    select from synkron.runs
    where runs.integration_id = asked.integration_id
        and runs.scheduled_for = asked.moment
        and runs.source_class = case when asked.source in ('manual', 'backfill') then asked.source else 'schedule' end
)
order by number;

-- name: without_job
-- Unfinished runs that were due a minute ago and have no job: their worker was lost at the wrong moment, or the pause
-- that held them has ended. A run behind an older one of its integration has no job either: it gets one when the older
-- one ends (finish, skip). A run that its target has accepted waits for its completion. Plan: the pauses are an
-- anti-join, because calling pause_over for each of many claimed runs takes longer than the time between two ticks.
-- Scans: the queue, once in a tick; there is no index from a run to its job, because each run would have to write it.
select id, integration_type, interval '0' as wait
from synkron.runs
where finished_at is null
    and next_attempt_at < now() - interval '1 minute'
    and not (state = 'running' and completes_by is not null)
    and not {paused[now()]}
    and not exists (
        select from synkron.runs older
        where older.integration_id = runs.integration_id
            and older.scheduled_for < runs.scheduled_for
            and older.finished_at is null
    )
    and not exists (select from synkron.queue job where job.payload = convert_to(runs.id::text, 'UTF8'))
order by scheduled_for, id
limit 1000;
