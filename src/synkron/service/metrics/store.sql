-- The figures for Prometheus. All are of now, or of the hour up to now, so that they are the same in every process.

-- name: frame
-- The time, up to where everything is decided, and the ticks of the last hour with what they decided.
-- Plan: the index ticks_newest.
select
    now() as now,
    (select at from synkron.watermark) as watermark,
    (select max(at) from synkron.ticks where at > now() - interval '1 day' and {moves_watermark[ticks]}) as ticked_at,
    count(*) as ticks,
    coalesce(sum(due), 0)::bigint as due,
    coalesce(sum(claimed), 0)::bigint as claimed,
    coalesce(sum(skipped), 0)::bigint as skipped,
    (array_agg(invalid order by at desc))[1] as invalid
from synkron.ticks
where at > now() - interval '1 hour' and {moves_watermark[ticks]};

-- name: runs
-- What was scheduled within the last hour, by type, by what was decided and why, and by what became of it. The reasons
-- are told apart by how they begin; what follows in them is for people. Plan: the index runs_newest.
select
    integration_type, action, source, state,
    case
        when reason = 'on time' then 'on_time'
        when starts_with(reason, 'missed') then 'missed'
        when starts_with(reason, 'superseded') then 'superseded'
        when starts_with(reason, 'cancelled') then 'cancelled'
        when starts_with(reason, 'replayed') then 'replayed'
        when source = 'manual' or source = 'backfill' then 'asked_for'
        else 'other'
    end as reason,
    sum(occurrences)::bigint as occurrences
from synkron.runs
where scheduled_for > now() - interval '1 hour' and scheduled_for <= now()
group by 1, 2, 3, 4, 5;

-- name: lengths
-- How late the runs of the schedule of that hour started, and how long those took that ended: by type, how many are in
-- which of the buckets that the bounds $1 (drift) and $2 (duration), in seconds, separate; and their sums.
select
    integration_type,
    measured.what,
    width_bucket(measured.seconds, case measured.what when 'drift' then $1::float8[] else $2::float8[] end) as bucket,
    count(*) as runs,
    sum(measured.seconds) as seconds
from synkron.runs
cross join lateral (
    values
        ('drift', extract(epoch from drift)::float8, source in ('schedule', 'catch_up')),
        ('duration', extract(epoch from finished_at - started_at)::float8, true)
) measured (what, seconds, counts)
where scheduled_for > now() - interval '1 hour' and scheduled_for <= now()
    and started_at is not null and measured.seconds is not null and measured.counts
group by 1, 2, 3;

-- name: held
-- The integrations whose moments stay undecided, by the reason.
-- Scans: held, which is as long as the answer counts.
select reason, count(*) as integrations from synkron.held group by 1;

-- name: incidents
-- The incidents that have not closed, by kind.
select kind, acknowledged_at is not null as is_acknowledged, count(*) as incidents
from synkron.incidents
where closed_at is null
group by 1, 2;
