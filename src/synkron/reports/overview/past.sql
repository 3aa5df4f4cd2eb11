-- The past in figures: how full the hours were, how late runs started, and how the vendors did.

-- name: quarters
-- By quarter of an hour from $1 up to $2: how many moments of a schedule were decided, and how many of their runs have
-- started, of the scope $4 to $6; $3 is the quarter. Plan: the index runs_newest, or runs_newest_of_organization.
-- Scans: the months' runs, once, for a page.
select date_bin($3::interval, scheduled_for, $1::timestamptz) as at,
    sum(occurrences)::bigint as expected, count(*) filter (where started_at is not null) as actual
from synkron.runs
where scheduled_for >= $1 and scheduled_for < $2 and source_class = 'schedule' and {of_scope[runs]}
group by 1
order by 1;

-- name: room
-- Runs are written in the order of their moments, so that a span of the index runs_newest is a span of the table. The
-- planner knows that of an index's only column alone: it would read the month for a day. The groups fit into memory.
select set_config('random_page_cost', '1.1', true), set_config('work_mem', '64MB', true);

-- name: drift
-- How late the runs of a schedule started whose moment is from $1 up to $2, of the scope $4 to $6. As `step`, by step of
-- $3, and as `clock`, by the clock whose tick claimed them: how many, and the percentiles $7. As `bound`: how many started
-- at a bound of $8 or above, in order, and below the next. To the millisecond: so all are from groups of one read.
-- Plan: the index runs_newest, or runs_newest_of_organization; a hash of the groups.
-- Scans: the months' runs and ticks, once, for a page.
with started as materialized (
    select date_bin($3::interval, runs.scheduled_for, $1::timestamptz) as at,
        coalesce(ticks.source, 'unknown') as clock, date_trunc('milliseconds', {late[runs]}) as late, count(*) as runs
    from synkron.runs
    left join synkron.ticks on ticks.id = runs.tick_id
    where runs.scheduled_for >= $1 and runs.scheduled_for < $2
        and runs.source_class = 'schedule' and runs.started_at is not null and {of_scope[runs]}
    group by 1, 2, 3
),
summed as (
    select *, sum(runs) over (partition by at, clock order by late) as up_to, sum(runs) over (partition by at, clock) as total
    from (
        select at, null as clock, late, sum(runs) as runs from started group by at, late
        union all
        select null, clock, late, sum(runs) from started group by clock, late
    ) one
),
shares as (
    select at, clock, total, share, min(late) as late
    from summed
    cross join unnest($7::float8[]) share
    where up_to >= share * total
    group by at, clock, total, share
)
select case when clock is null then 'step' else 'clock' end as kind, at, clock, null::integer as place,
    total::bigint as runs, array_agg(late order by share) as late
from shares
group by at, clock, total
union all
select 'bound', null, null, width_bucket(late, $8::interval[]), sum(runs)::bigint, null
from started
group by 4
order by at, clock;

-- name: tick_gaps
-- The spans of more than $3 between two ticks that moved the watermark, the second of them from $1 up to $2; the last one
-- has no end if nobody has ticked since. Plan: the index ticks_newest.
select began, ended
from (
    select at as began, lead(at) over (order by at) as ended
    from synkron.ticks
    where at < $2 and {moves_watermark[ticks]}
        and at >= coalesce(
            (select max(at) from synkron.ticks where at < $1 and {moves_watermark[ticks]}), $1
        )
) gap
where coalesce(ended, least($2, now())) - began > $3::interval
order by began;

-- name: samples
-- The contacts with each vendor's endpoint from $1 on, by step of $2. Plan: the index samples_oldest.
select endpoint, date_bin($2::interval, at, $1::timestamptz) as at,
    coalesce(sum(contacts) filter (where finding = 'healthy'), 0)::bigint as healthy,
    coalesce(sum(contacts) filter (where finding = 'degraded'), 0)::bigint as degraded,
    coalesce(sum(contacts) filter (where finding = 'unreachable'), 0)::bigint as unreachable,
    coalesce(sum(contacts) filter (where finding = 'unauthorized'), 0)::bigint as unauthorized,
    coalesce(sum(contacts) filter (where finding = 'throttled'), 0)::bigint as throttled,
    percentile_disc(0.5) within group (order by latency) as latency_p50,
    max(latency) as latency_most
from synkron.samples
where at >= $1
group by 1, 2
order by 1, 2;

-- name: watermark
-- Up to which moment everything is decided.
select at from synkron.watermark;
