-- What `synkron report` reads, all in one transaction with one snapshot.

-- name: frame
-- The time now, the watermark, and where the ticks on record begin.
select
    now() as now,
    (select at from synkron.watermark) as watermark,
    (select window_start from synkron.ticks order by id limit 1) as recorded_since;

-- name: room
-- The successful runs of a month are sorted here; the default of 4 MB would write them to disk several times.
set local work_mem = '64MB';

-- name: recorded
-- What the ledger knows of the time ($1, $2], by integration, as coverage.Recorded has it; limited to the organization $3,
-- the type $4 and the integration $5 if they are given. An integration whose row moved to another organization or type
-- is another export from then on.
--
-- Successful runs come without an id: those whose periods overlap or adjoin are one row, clipped to the range, with the
-- number of its periods that end in the range. A run that an operator triggered ends no period, but its time counts.
-- Everything else comes row by row, except moments that a backfill has exported; a backfill before what it was made for.
--
-- Scans: all decisions from $1 on are wanted, and with them later ones whose periods reach back into the range. Plan: the
-- partitions are read three times, which is faster than to keep all that is read; the windows share one sort.
with run as not materialized (
    select
        integration_id collate "C" as integration_id, org_id, integration_type, greatest(period_start, $1) as since,
        scheduled_for as until, scheduled_for, occurrences, id, source, action, state, reason, error, http_status,
        finished_at, cron_schedule, timezone, attempt
    from synkron.runs
    where scheduled_for > $1
        and (scheduled_for <= $2 or scheduled_for <= now() and coalesce(period_start, '-infinity') < $2)
        and ($3::text is null or org_id = $3) and ($4::text is null or integration_type = $4)
        and ($5::text is null or integration_id = $5)
),
undone as materialized (
    select * from run where source <> 'manual' and (state <> 'succeeded' or occurrences > 1)
),
backfilled as materialized (
    select integration_id, scheduled_for from synkron.runs
    where scheduled_for > $1 and source = 'backfill' and state = 'succeeded'
),
succeeded as (
    select integration_id, org_id, integration_type, min(since) as since, max(until) as until, sum(ends) as periods
    from (
        select *, count(*) filter (where begins) over export as stretch
        from (
            select
                integration_id, org_id, integration_type, since, until, ends,
                coalesce(since > max(until) over earlier, true) as begins
            from (
                select
                    integration_id, org_id, integration_type, since, least(until, $2) as until,
                    (source <> 'manual' and until <= $2)::integer as ends
                from run
                where state = 'succeeded'
            ) clipped
            window earlier as (
                partition by integration_id, org_id, integration_type order by since, until
                rows between unbounded preceding and 1 preceding
            )
        ) beginning
        window export as (
            partition by integration_id, org_id, integration_type order by since, until rows unbounded preceding
        )
    ) stretched
    group by integration_id, org_id, integration_type, stretch
)
select
    integration_id, org_id, integration_type, since, until, periods,
    null::bigint as id, 'schedule' as source, 'run' as action, 'succeeded' as state, '' as reason, null as error,
    null::integer as http_status, null::timestamptz as finished_at, null as cron_schedule, null as timezone,
    '{}'::timestamptz[] as own, false as was_cancelled
from succeeded
union all
select
    integration_id, org_id, integration_type, since, until, occurrences,
    id, source, action, state, reason, error, http_status, finished_at, cron_schedule, timezone,
    case when occurrences > 1
        then array(
            select own.scheduled_for from synkron.runs own
            where own.integration_id = undone.integration_id and own.source = 'backfill'
                and own.scheduled_for > undone.since and own.scheduled_for <= undone.until
        )
        else '{}'
    end,
    state = 'failed' and {last_cancelled[undone]}
from undone
where occurrences > 1
    or not exists (
        select from backfilled where backfilled.integration_id = undone.integration_id and scheduled_for = undone.until
    )
    and case when source = 'backfill'
        then not exists (
            select from synkron.runs own
            where own.integration_id = undone.integration_id and own.scheduled_for = undone.until
                and own.source_class = 'schedule' and own.state = 'succeeded'
        )
        else true
    end
order by integration_id, org_id, integration_type, until, source;
