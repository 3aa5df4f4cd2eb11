-- What `synkron why` reads about an integration and a minute, all in one transaction with one snapshot.

-- name: integrations
-- The integrations of the organization $1 and the type $2, or the one with the id $3; also those that are no longer in the
-- table and have a row in the ledger within a day of $4.
-- Scans: the tables, once, for a command; ids are compared as text.
with standing as (
    select {row}, {doubled} as doubled
    from {rows}
    where case
        when $3::text is not null then i.id::text = $3
        else i.org_id::text = $1 and i.integration_type::text = $2
    end
),
gone as (
    select distinct on (integration_id) integration_id, org_id, integration_type, timezone
    from synkron.runs
    where scheduled_for between $4::timestamptz - interval '1 day' and $4::timestamptz + interval '1 day'
        and case when $3::text is not null then integration_id = $3 else org_id = $1 and integration_type = $2 end
        and integration_id not in (select integration_id from standing)
    order by integration_id, scheduled_for desc
)
select
    found.*,
    (select {legible[o.name 200]} from {named_organizations} o where o.id::text = found.org_id limit 1) as organization,
    h.since as held_since,
    h.reason as held_for
from (
    select true as stands, * from standing
    union all
    select false, integration_id, org_id, integration_type, false, null, true, null, false, null, null, null from gone
) found
left join synkron.held h on h.integration_id = found.integration_id
order by found.integration_id;

-- name: types_of
-- The integration types that the organization $1 has.
-- Scans: the integrations, once, for a command.
select distinct {legible[i.integration_type 200]} as integration_type
from {integration_rows} i
where i.org_id::text = $1 and i.integration_type is not null
order by 1;

-- name: types_on_record
-- The integration types that the ledger has of the organization $1, whose rows may be gone.
-- Reads its runs alone, by runs_newest_of_organization.
select distinct integration_type from synkron.runs where org_id = $1 order by 1;

-- name: organizations_with
-- Up to $2 organizations that have the integration type $1.
-- Scans: the integrations, once, for a command.
select distinct {legible[i.org_id 200]} as org_id, coalesce({legible[o.name 200]}, '') as name
from {integration_rows} i
left join {named_organizations} o on o.id = i.org_id
where i.integration_type::text = $1 and i.org_id is not null
order by 2, 1
limit $2;

-- name: runs
-- The ledger's rows of the integration $1 for the minute $2: the minute's own, runs that operators asked for in it, a
-- row that stands for many moments, and the runs that the minute may have been merged into or whose period has it.
select
    id, source, action, state, reason, scheduled_for, period_start, execute_after, claimed_at, started_at, finished_at,
    next_attempt_at, attempt, retries, error, completes_by, occurrences, cron_schedule, timezone, deferred_at,
    deferred_until, deferred_reason,
    (select r.run_id from synkron.running r where r.integration_id = $1 and r.run_id <> runs.id) as behind,
    (
        select ahead.completes_by
        from synkron.running r
        join synkron.runs ahead on ahead.id = r.run_id
        where r.integration_id = $1 and r.run_id <> runs.id
    ) as behind_until,
    array(
        select coalesce(a.error, 'HTTP ' || a.http_status, a.outcome)
        from synkron.attempts a
        where a.run_id = runs.id and a.scheduled_for = runs.scheduled_for and a.outcome <> 'succeeded'
        order by a.attempt
    ) as errors
from synkron.runs
where integration_id = $1
    and (
        scheduled_for >= $2::timestamptz and scheduled_for < $2::timestamptz + interval '1 minute'
        or scheduled_for > $2 and coalesce(period_start, '-infinity') < $2 and source = 'catch_up'
        or scheduled_for > $2 and period_start < $2 and source = 'schedule' and action = 'run' and state <> 'skipped'
    )
order by scheduled_for, id;

-- name: ticks
-- Whether a tick decided the minute $1 within half a minute, and the nearest ticks. A replay by `tick --at` does not
-- count.
select
    exists (
        select from synkron.ticks
        where at between $1::timestamptz - interval '31 seconds' and $1::timestamptz + interval '30 seconds'
            and window_start < $1 and window_end >= $1
            and {moves_watermark[ticks]}
    ) as was_watched,
    (
        select max(at) from synkron.ticks
        where at < $1::timestamptz + interval '30 seconds' and {moves_watermark[ticks]}
    ) as tick_before,
    (
        select min(at) from synkron.ticks
        where at > $1::timestamptz + interval '30 seconds' and {moves_watermark[ticks]}
    ) as tick_after,
    (select at from synkron.watermark) as watermark,
    now() as now;

-- name: pauses
-- The pauses of the organization $1, the type $2 or the integration $3 that covered the moment $4.
select id, author, reason, starts_at, least(ended_at, until) as ended_at
from synkron.pauses
where starts_at <= $4 and $4 < coalesce(least(ended_at, until), 'infinity')
    and (org_id is null or org_id = $1)
    and (integration_type is null or integration_type = $2)
    and (integration_id is null or integration_id = $3)
order by starts_at, id;

-- name: audit
-- The changes to the runs $1 at any time, and to the integration $2 within a day of $3. Triggers and backfills are left
-- out: they are among the runs. An entry without an integration is about runs of several, or an old one: its words tell
-- whom it was about. Plan: the index audit_of_integration for the others.
-- Scans: the entries without an integration, once, for a command.
with about as (
    select id, at, author, action, subject, before
    from synkron.audit
    where integration_id = $2::text
    union all
    select id, at, author, action, subject, before
    from synkron.audit
    where integration_id is null
        and (
            before ? 'runs'
            or subject = 'integration ' || $2::text
            or starts_with(subject, 'integration ' || $2::text || ' ')
        )
)
select at, author, action, subject
from about
where case
    when before ? 'runs' then exists (
        select from unnest($1::bigint[]) id
        where before -> 'runs' @> jsonb_build_array(jsonb_build_object('run', id))
    )
    else action not in ('trigger', 'backfill')
        and at between $3::timestamptz - interval '1 day' and $3::timestamptz + interval '1 day'
    end
order by at, id
limit 20;
