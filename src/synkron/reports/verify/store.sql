-- What `synkron verify` reads, all in one transaction with one snapshot.

-- name: frame
-- The time now, the watermark, the number of the next transaction, whether there was a tick before $1, and when this
-- ledger was copied from another, if it was.
-- Replays by `synkron tick --at` do not count as ticks: they did not move the watermark.
select
    now() as now,
    (select at from synkron.watermark) as watermark,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_transaction,
    exists (
        select from synkron.ticks
        where window_end <= $1 and at <= $1 and {moves_watermark[ticks]}
    ) as ticked_before,
    (select copied_at from synkron.installations where until is null) as copied_at;

-- name: room
-- A whole day of decisions is sorted and joined here; the default of 4 MB would write it to disk.
set local work_mem = '64MB';

-- name: ticks
-- The ticks from the first to the last whose windows overlap ($1, $2], in their order, without replays. A snapshot in
-- the future is another server's: the ledger was restored from a dump. Plan: the index ticks_newest for their numbers,
-- and the primary key.
select
    id,
    at,
    window_start,
    window_end,
    recorded_at,
    case when pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
        then pg_snapshot_xmin(snapshot)::text::bigint
    end as saw_below,
    source = 'once' as is_asked,
    invalid
from synkron.ticks
where {moves_watermark[ticks]}
    and id between
        (select min(id) from synkron.ticks where at > $1::timestamptz - interval '1 minute' and window_end > $1)
        and (select max(id) from synkron.ticks where at > $1::timestamptz - interval '1 minute' and window_start < $2)
order by id;

-- name: invalid_rows
-- The incidents about invalid rows that overlap ($1, $2]: whom each is about, from when to when, and how many rows; and
-- whether it shows that these were not due. The moments of some are on hold instead, and a fault of Synkron's own
-- (invalid_row) excuses nothing.
-- Plan: the index incidents_again, for these kinds.
select
    subject,
    since,
    seen_at,
    coalesce((touches ->> 'integrations')::integer, 1) as rows,
    kind in ('invalid_schedule', 'unknown_zone') as excuses
from synkron.incidents
where kind in ('invalid_schedule', 'unknown_zone', 'unknown_type', 'no_organization', 'invalid_row')
    and seen_at > $1::timestamptz - interval '1 minute' and since <= $2::timestamptz + interval '1 minute';

-- name: integrations
-- The current rows and the decisions, by integration: each row that may fire, joined with each of its rows in the
-- ledger, or either of them alone. Limited to a scope (organization $3, type $4, integration $5; null is
-- any). The rows of an integration are ordered by their moments.
--
-- The first columns are the integration's id, and whether the row is odd; an odd row decides nothing. The next columns
-- are those of verify.evidence.LiveRow, in its order; they are null if there is no current row. Each row has the
-- transactions that wrote it and its organization. `xmin` has no alias: in a table it is the system column, in a view,
-- which has none, it is the column of `unknown`.
--
-- The other columns are those of verify.evidence.RecordedDecision: the ledger's rows of ($1, $2], later ones whose
-- period overlaps it, and earlier runs that those of the window may have waited for: unfinished ones, and those of the
-- day before that ended in the window. A tick number below the oldest one kept is that of a deleted tick. A run of a
-- tick was claimed in its transaction, unless the tick's moment was given by hand. A run that started more than $6 after
-- it could have may have waited for a pause.
--
-- Scans: all current rows and all decisions of the window are wanted. Plan: each table is read once, joined by hashing
-- and sorted once; the expressions over a row of the application are computed once (`offset 0`). Attempts have the
-- moment of their run, so they are in the same months as the runs. Most runs have one attempt, which is not grouped.
with rows as (
    select
        {row},
        {doubled} as doubled,
        i.written as written,
        o.written as zone_written,
        h.since as held_since
    from (select null::xid as xmin) unknown
    cross join lateral (
        select {integration_columns[t]}, xmin::text::bigint as written
        from {integrations} t
        where t.{integrations.is_enabled} and t.{integrations.cron_schedule} is not null
    ) i
    {twice}
    left join lateral (
        select {organization_columns[t]}, xmin::text::bigint as written
        from {organizations} t
    ) o on o.id = i.org_id and organization_twice.id is null
    left join synkron.held h on h.integration_id = i.id::text
    where ($3::text is null or i.org_id::text = $3)
        and ($4::text is null or i.integration_type::text = $4)
        and ($5::text is null or i.id::text = $5)
    offset 0
),
standing as (
    select
        integration_id, org_id, integration_type, cron_schedule, timezone, zone_is_number, organization_exists,
        updated_at, written, zone_written, held_since, coalesce(doubled, oddity) as oddity,
        case when coalesce(doubled, oddity) is null then integration_id end as decides_for
    from rows
),
decided as (
    select
        r.id, r.key, r.integration_id, r.org_id, r.integration_type, r.cron_schedule, r.timezone, r.source, r.action,
        r.state, r.reason, r.scheduled_for, r.period_start, r.occurrences, r.execute_after, r.claimed_at, r.started_at,
        r.finished_at, r.attempt, r.retries,
        t.id is not null or coalesce(r.tick_id < (select min(id) from synkron.ticks), false) as has_tick,
        case
            when t.id is null then true
            when r.claimed_at <> t.at and t.source <> 'once' or r.scheduled_for > t.window_end then false
            when r.source = 'schedule' then r.scheduled_for >= t.at - interval '30 seconds'
            when r.source = 'catch_up' then r.scheduled_for < t.at - interval '30 seconds'
                or not {moves_watermark[t]}
            else false
        end as fits_tick,
        concat_ws(' ', case when a.run_id is not null then coalesce(a.outcome, 'open') end, more.outcomes) as outcomes,
        coalesce(more.last_attempt, a.attempt, 0) as last_attempt,
        least(a.started_at, more.attempted_from) as attempted_from,
        greatest(a.finished_at, more.attempted_to) as attempted_to,
        coalesce(a.finished_at < a.started_at, false) or coalesce(more.runs_back, false) as runs_back,
        case when r.action = 'run' and coalesce(r.started_at, now()) > r.execute_after + $6::interval
            then (
                select max(least(coalesce(least(p.ended_at, p.until), 'infinity'), now()))
                from synkron.pauses p
                where p.starts_at < coalesce(r.started_at, now())
                    and coalesce(least(p.ended_at, p.until), 'infinity') > r.execute_after
                    and (p.org_id is null or p.org_id = r.org_id)
                    and (p.integration_type is null or p.integration_type = r.integration_type)
                    and (p.integration_id is null or p.integration_id = r.integration_id)
            )
        end as paused_until,
        case when r.occurrences > 1 then t.window_start end as ticked_from
    from (
        select * from synkron.runs
        where scheduled_for > $1 and (scheduled_for <= $2 or coalesce(period_start, '-infinity') < $2)
        union all
        select * from synkron.runs
        where scheduled_for > $1::timestamptz - interval '1 day' and scheduled_for <= $1 and action = 'run'
            and (finished_at is null or finished_at > $1)
        union all
        select * from synkron.runs
        where scheduled_for <= $1::timestamptz - interval '1 day' and finished_at is null
    ) r
    left join synkron.ticks t on t.id = r.tick_id
    left join synkron.attempts a on a.run_id = r.id and a.scheduled_for = r.scheduled_for and a.attempt = 1
        and a.scheduled_for > $1 and a.scheduled_for <= $2
    left join (
        select
            run_id,
            scheduled_for,
            string_agg(coalesce(outcome, 'open'), ' ' order by attempt) as outcomes,
            max(attempt) as last_attempt,
            min(started_at) as attempted_from,
            max(finished_at) as attempted_to,
            bool_or(finished_at < started_at) as runs_back
        from synkron.attempts
        where scheduled_for > $1 and scheduled_for <= $2 and attempt > 1
        group by run_id, scheduled_for
    ) more on more.run_id = r.id and more.scheduled_for = r.scheduled_for
    where ($3::text is null or r.org_id = $3)
        and ($4::text is null or r.integration_type = $4)
        and ($5::text is null or r.integration_id = $5)
)
select
    coalesce(standing.integration_id, decided.integration_id) collate "C" as of_integration,
    coalesce(oddity is not null, false) as is_odd,
    standing.integration_id, standing.org_id, standing.integration_type, standing.cron_schedule, standing.timezone,
    zone_is_number, organization_exists, updated_at, written, zone_written, held_since,
    decided.*
from standing
full join decided on decided.integration_id = standing.decides_for
order by of_integration, decided.scheduled_for, decided.id;

-- name: orphans
-- Attempts of the moments of ($1, $2] whose run is not on record. Runs are deleted before their attempts.
select a.run_id, a.scheduled_for, a.attempt, a.worker
from synkron.attempts a
where a.scheduled_for > $1 and a.scheduled_for <= $2
    and a.scheduled_for >= (select min(scheduled_for) from synkron.runs)
    and not exists (select from synkron.runs r where r.id = a.run_id and r.scheduled_for = a.scheduled_for)
order by a.scheduled_for, a.run_id, a.attempt;

-- name: continues
-- For each of the runs $1 with the moments $2, in their order: whether its period begins where an earlier decision
-- ended, with none between. A merged moment has its period in another row. A skipped run may have been superseded; the
-- next run then takes over its period from its start. Plan: the index runs_once and the one on the number, once for
-- each.
select exists (
        select from synkron.runs before
        where before.integration_id = run.integration_id
            and before.scheduled_for >= run.period_start and before.scheduled_for < run.scheduled_for
            and before.source_class = 'schedule' and before.action <> 'merge'
            and (
                before.scheduled_for = run.period_start
                or before.period_start = run.period_start and before.action = 'run' and before.state = 'skipped'
            )
    )
    and not exists (
        select from synkron.runs between_them
        where between_them.integration_id = run.integration_id
            and between_them.scheduled_for > run.period_start and between_them.scheduled_for < run.scheduled_for
            and between_them.source_class = 'schedule' and between_them.action <> 'merge'
            and between_them.claimed_at <= run.claimed_at
            and not (between_them.action = 'run' and between_them.state = 'skipped')
    ) as continues
from unnest($1::bigint[], $2::timestamptz[]) with ordinality asked (id, moment, number)
left join synkron.runs run on run.id = asked.id and run.scheduled_for = asked.moment
order by number;

-- name: take_hour
-- Whether this process is to verify: no other does now, and none has in the hour before $1.
select pg_try_advisory_xact_lock(hashtext('synkron.keep_verification'))
    and not exists (select from synkron.verifications where at > $1::timestamptz - interval '1 hour');

-- name: keep
-- Store the figures, and delete those from before $9.
with forgotten as (delete from synkron.verifications where at < $9::timestamptz)
insert into synkron.verifications (
    at, since, until, expected, missed, doubled, late, unexplained, undelivered, uncovered
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $10, $11);
