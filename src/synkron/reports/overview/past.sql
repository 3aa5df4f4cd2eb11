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

-- name: drift
-- By step of $3 from $1 up to $2: how late the runs of a schedule started, of the scope $4 to $6, as percentiles ($7).
-- Scans: the months' runs, once, for a page.
select date_bin($3::interval, scheduled_for, $1::timestamptz) as at, count(*) as runs,
    percentile_disc($7::float8[]) within group (order by {late[runs]}) as late
from synkron.runs
where scheduled_for >= $1 and scheduled_for < $2
    and source_class = 'schedule' and started_at is not null and {of_scope[runs]}
group by 1
order by 1;

-- name: histogram
-- The same runs, by how late they started: how many are at a bound of $3 or above, in order, and below the next.
-- Scans: the months' runs, once, for a page.
select width_bucket({late[runs]}, $3::interval[]) as place, count(*) as runs
from synkron.runs
where scheduled_for >= $1 and scheduled_for < $2
    and source_class = 'schedule' and started_at is not null and {of_scope[runs]}
group by 1
order by 1;

-- name: clocks
-- The same runs, by the clock whose tick claimed them, with percentiles ($3).
-- Scans: the months' runs and ticks, once, for a page.
select coalesce(ticks.source, 'unknown') as clock, count(*) as runs,
    percentile_disc($3::float8[]) within group (order by {late[runs]}) as late
from synkron.runs
left join synkron.ticks on ticks.id = runs.tick_id
where runs.scheduled_for >= $1 and runs.scheduled_for < $2
    and runs.source_class = 'schedule' and runs.started_at is not null and {of_scope[runs]}
group by 1
order by 1;

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
