-- What `synkron verify` reads. All of it in one transaction with one snapshot.

-- name: frame
-- The time, up to where everything is decided, the next transaction's number, whether anybody ticked before $1, and up
-- to when the moments are those of the ledger that this one was copied from.
-- The ticks of `synkron tick --at` that replayed a moment do not count: they left the watermark where it was.
select
    now() as now,
    (select at from synkron.watermark) as watermark,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_transaction,
    exists (
        select from synkron.ticks
        where window_end <= $1 and at <= $1 and window_start <> at - interval '30 seconds 1 microsecond'
    ) as ticked_before,
    (select copied_at from synkron.installations where until is null) as copied_at;

-- name: ticks
-- Those whose windows reach into ($1, $2], in the order in which they ticked. A snapshot that lies ahead is another
-- server's: the ledger was restored from a dump.
select
    window_start,
    window_end,
    case when pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
        then pg_snapshot_xmin(snapshot)::text::bigint
    end as saw_below
from synkron.ticks
where at > $1::timestamptz - interval '1 minute'
    and window_end > $1 and window_start < $2
    and window_start <> at - interval '30 seconds 1 microsecond'
order by id;

-- name: standing
-- The rows that may fire, by id, of one organization ($1) or type ($2) where these are given, each with the transactions
-- that wrote it and its organization. `xmin` stands without an alias: a table has a column of that name, a view has none,
-- and then it is that of `unknown`.
-- Scans: every row that may fire is wanted.
select
    {row},
    {doubled} as doubled,
    i.written as written,
    o.written as zone_written,
    h.since as held_since
from (select null::xid as xmin) unknown
cross join lateral (
    select
        {integration_columns[t]},
        xmin::text::bigint as written
    from {integrations} t
    where t.{integrations.is_enabled} and t.{integrations.cron_schedule} is not null
) i
{twice}
left join lateral (
    select {organization_columns[t]}, xmin::text::bigint as written
    from {organizations} t
) o on o.id = i.org_id and organization_twice.id is null
left join synkron.held h on h.integration_id = i.id::text
where ($1::text is null or i.org_id::text = $1) and ($2::text is null or i.integration_type::text = $2)
order by i.id::text collate "C";

-- name: recorded
-- The ledger's rows of ($1, $2] by integration, those after it whose period reaches into it, and the runs from before
-- it that may have kept those of the window waiting: unfinished ones, and of the day before, those that ended in it.
-- $3 and $4 as above. What started later than $5 after it could have may have waited for a pause. A tick's number below
-- those that are kept is a forgotten tick's. The columns are those of verify.evidence.Recorded, in its order.
select
    r.id, r.key, r.integration_id, r.org_id, r.integration_type, r.source, r.action, r.state, r.scheduled_for,
    r.period_start, r.occurrences, r.cron_schedule, r.timezone, r.execute_after, r.claimed_at, r.started_at,
    r.finished_at,
    t.id is not null or coalesce(r.tick_id < (select min(id) from synkron.ticks), false) as has_tick,
    case when r.attempt = 0 then 0 when r.attempt = 1 then (r.state = 'succeeded')::integer
        else (
            select count(*) from synkron.attempts a
            where a.run_id = r.id and a.scheduled_for = r.scheduled_for and a.outcome = 'succeeded'
        )
    end as successes,
    case when r.action = 'run' and coalesce(r.started_at, now()) > r.execute_after + $5::interval
        then (
            select max(least(coalesce(least(p.ended_at, p.until), 'infinity'), now()))
            from synkron.pauses p
            where p.starts_at < coalesce(r.started_at, now())
                and coalesce(least(p.ended_at, p.until), 'infinity') > r.execute_after
                and (p.org_id is null or p.org_id = r.org_id)
                and (p.integration_type is null or p.integration_type = r.integration_type)
                and (p.integration_id is null or p.integration_id = r.integration_id)
        )
    end as paused_until
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
where ($3::text is null or r.org_id = $3) and ($4::text is null or r.integration_type = $4)
order by r.integration_id collate "C", r.scheduled_for, r.id;

-- name: take_hour
-- Whether this process is to verify: nobody else is at it, and nobody has been in the hour before $1.
select pg_try_advisory_xact_lock(hashtext('synkron.keep_verification'))
    and not exists (select from synkron.verifications where at > $1::timestamptz - interval '1 hour');

-- name: keep
-- Keep the figures, and those of the retention: nothing from before $9.
with forgotten as (delete from synkron.verifications where at < $9::timestamptz)
insert into synkron.verifications (at, since, until, expected, missed, doubled, late, unexplained)
values ($1, $2, $3, $4, $5, $6, $7, $8);
