-- Parts of statements about Synkron's own tables, put into them in braces. GIVEN is what stands in the brackets.

-- name: holds
-- Whether the pause GIVEN is about the run.
(GIVEN.org_id is null or GIVEN.org_id = runs.org_id)
and (GIVEN.integration_type is null or GIVEN.integration_type = runs.integration_type)
and (GIVEN.integration_id is null or GIVEN.integration_id = runs.integration_id)

-- name: not_over
-- Whether the pause of the row of `pauses` has not ended by the moment GIVEN, by itself or by hand.
(pauses.ended_at is null and (pauses.until is null or pauses.until > GIVEN))

-- name: in_effect
-- Whether it is in effect at the moment GIVEN.
(pauses.starts_at <= GIVEN and {not_over[GIVEN]})

-- name: paused
-- Whether the run is paused at the moment GIVEN.
exists (select from synkron.pauses where {in_effect[GIVEN]} and {holds[pauses]})

-- name: held_by
-- The pause that holds the run GIVEN now; null if none does, or it has begun. Not called while nothing is paused.
case when GIVEN.state = 'claimed' and (select exists (select from synkron.pauses where ended_at is null))
    then synkron.pause_over(GIVEN.org_id, GIVEN.integration_type, GIVEN.integration_id, now()) end

-- name: last_known
-- The organization and the type that the integration GIVEN had when its last run was claimed, or when something was last
-- changed about it: of one whose row is gone, whose it was. No row if nothing is on record. Plan: the primary key of each
-- month, and the index audit_of_integration.
(
    select org_id, integration_type
    from (
        (
            select org_id, integration_type, claimed_at as at from synkron.runs
            where integration_id = GIVEN
            order by scheduled_for desc
            limit 1
        )
        union all
        (
            select org_id, integration_type, at from synkron.audit
            where integration_id = GIVEN and org_id is not null and integration_type is not null
            order by at desc, id desc
            limit 1
        )
    ) recorded
    order by at desc
    limit 1
)

-- name: ends_a_period
-- Whether a period ends with the decision GIVEN, so that the next one begins there. A merged moment's period belongs to
-- another row; a superseded run was not called for, and the next run takes over its period; decisions from before a
-- copy was adopted are not the copy's.
GIVEN.source_class = 'schedule' and GIVEN.action <> 'merge'
and not (GIVEN.action = 'run' and GIVEN.state = 'skipped' and starts_with(GIVEN.reason, 'superseded'))
and GIVEN.scheduled_for > (
    select coalesce(max(copied_at), '-infinity') from synkron.installations where until is null
)

-- name: moves_watermark
-- Whether the tick GIVEN moved the watermark. A replay, and pg_cron when it claims plans, decide a window of their own.
(GIVEN.window_start <> GIVEN.at - interval '30 seconds 1 microsecond')

-- name: run
-- The columns of a `Run`, from the row GIVEN.
GIVEN.id, GIVEN.key, GIVEN.integration_id, GIVEN.org_id, GIVEN.integration_type, GIVEN.source, GIVEN.scheduled_for,
GIVEN.period_start, GIVEN.period_end, GIVEN.attempt, GIVEN.failures, GIVEN.crashes,
coalesce(GIVEN.drift, interval '0') as drift

-- name: recorded_run
-- The columns of a `RecordedRun`, from the row GIVEN.
GIVEN.id, GIVEN.key, GIVEN.integration_id, GIVEN.org_id, GIVEN.integration_type, GIVEN.source, GIVEN.scheduled_for,
GIVEN.period_start, GIVEN.period_end, GIVEN.execute_after, GIVEN.action, GIVEN.reason, GIVEN.occurrences,
GIVEN.cron_schedule, GIVEN.timezone, GIVEN.state, GIVEN.attempt, GIVEN.failures, GIVEN.claimed_at, GIVEN.started_at,
GIVEN.finished_at, GIVEN.next_attempt_at, GIVEN.drift, GIVEN.http_status, GIVEN.error, {held_by[GIVEN]} as pause_id

-- name: late
-- How late the run GIVEN started, after it was allowed to; a run that was caught up, after its moment
-- (synkron.ledger.drift.lateness).
greatest(
    GIVEN.started_at - case GIVEN.source when 'catch_up' then GIVEN.scheduled_for else GIVEN.execute_after end,
    interval '0'
)

-- name: last_cancelled
-- Whether the last attempt of the run GIVEN ended because an operator cancelled it. A run that is recorded as failed was
-- then cancelled under way.
exists (
    select from synkron.attempts last
    where last.run_id = GIVEN.id and last.attempt = GIVEN.attempt
        and last.scheduled_for = GIVEN.scheduled_for and last.outcome = 'cancelled'
)

-- name: stands_failed
-- Whether the run GIVEN failed for good, and not because an operator cancelled it.
GIVEN.state = 'failed' and not {last_cancelled[GIVEN]}

-- name: late_waiting
-- As `late`: up to GIVEN runs of a scope that have not started, more than $2 after they could (execute_after; a caught-up
-- run: its moment). A run is not late while it is paused or deferred, nor less than $2 after that, nor if it was caught
-- up in time after a pause; a deferred run has a later next_attempt_at. Plan: the index runs_unfinished of each month, in
-- its order, up to the limit; the pauses are an anti-join of a few rows.
pause as materialized (
    select org_id, integration_type, integration_id, starts_at, coalesce(least(ended_at, until), 'infinity') as ended_at
    from synkron.pauses
    where coalesce(least(ended_at, until), 'infinity') > $1::timestamptz - interval '1 day'
),
late as materialized (
    select id, integration_id, org_id, integration_type, source, scheduled_for, execute_after, claimed_at
    from synkron.runs
    where finished_at is null and attempt = 0 and {of_scope[runs]}
        and scheduled_for < $1::timestamptz - $2::interval
        and (source = 'schedule' and execute_after < $1::timestamptz - $2::interval or source = 'catch_up')
        and (next_attempt_at <= execute_after or next_attempt_at < $1::timestamptz - $2::interval)
        and not exists (
            select from pause
            where {holds[pause]}
                and (
                    pause.starts_at <= $1 and pause.ended_at > $1::timestamptz - $2::interval
                    or source = 'catch_up' and execute_after >= $1::timestamptz - $2::interval
                        and pause.starts_at <= scheduled_for and pause.ended_at > scheduled_for
                )
        )
    order by integration_id, scheduled_for
    limit GIVEN
)

-- name: late_started
-- As `late`: up to GIVEN runs of a scope that started within the last 15 minutes, more than $2 after they could, the
-- newest first. Pauses and deferrals do not count as late, as above. Plan: the index runs_started_late, as $2 is at least
-- a minute.
pause as materialized (
    select org_id, integration_type, integration_id, starts_at, coalesce(least(ended_at, until), 'infinity') as ended_at
    from synkron.pauses
    where coalesce(least(ended_at, until), 'infinity') > $1::timestamptz - interval '1 day'
),
late as materialized (
    select id, integration_id, org_id, integration_type, source, scheduled_for, execute_after, claimed_at, started_at
    from synkron.runs
    where started_late_at > $1::timestamptz - interval '15 minutes' and started_late_at <= $1 and {of_scope[runs]}
        and (
            source = 'schedule' and start_delay > $2::interval
            or source = 'catch_up' and drift > $2::interval
        )
        and not (
            next_attempt_at > execute_after and next_attempt_at <= started_at and started_at - next_attempt_at <= $2
        )
        and not exists (
            select from pause
            where {holds[pause]}
                and (
                    pause.starts_at <= started_at and pause.ended_at > started_at - $2::interval
                    or source = 'catch_up' and start_delay <= $2::interval
                        and pause.starts_at <= scheduled_for and pause.ended_at > scheduled_for
                )
        )
    order by started_late_at desc
    limit GIVEN
)

-- name: failures
-- As `failed`: the newest GIVEN runs of a scope that failed within $3; as `standing`: those of them with no later success
-- of their integration. Runs that an operator cancelled are left out. Plan: the index runs_failed, then
-- runs_delivered_once for each.
failed as materialized (
    select id, integration_id, org_id, integration_type, scheduled_for, finished_at, state, attempt, error
    from synkron.runs
    where failed_at > $1::timestamptz - $3::interval and failed_at <= $1 and {of_scope[runs]}
    order by failed_at desc
    limit GIVEN
),
standing as (
    select *
    from failed
    where not exists (
            select from synkron.runs later
            where later.integration_id = failed.integration_id
                and later.scheduled_for > failed.scheduled_for
                and later.delivers and later.state = 'succeeded'
        )
        and {stands_failed[failed]}
)

-- name: newest_runs
-- The newest 100 runs of the integration GIVEN, each with how late it started if a schedule made it start, and with the
-- moments of the newest and of the newest that succeeded. Plan: the index runs_once of each month, in its order, up to the limit.
(
    select
        newest.*,
        case when source in ('schedule', 'catch_up') then {late[newest]} end as late,
        max(scheduled_for) over () as last_at,
        max(scheduled_for) filter (where state = 'succeeded') over () as succeeded_at
    from (
        select id, source, state, scheduled_for, execute_after, started_at, finished_at, failed_at, attempt
        from synkron.runs
        where integration_id = GIVEN and action = 'run'
        order by scheduled_for desc
        limit 100
    ) newest
)

-- name: failing_since
-- Of 100 such runs GIVEN: since when the integration fails. It does if one failed for good within seven days and none has
-- succeeded since, as in conditions.failed.
max(GIVEN.failed_at) filter (
    where GIVEN.failed_at > now() - interval '7 days' and {stands_failed[GIVEN]}
        and GIVEN.scheduled_for > coalesce(GIVEN.succeeded_at, '-infinity')
)

-- name: drift_p95
-- Of 100 such runs GIVEN: how late 95 % of those started at most whose moment is in the seven days up to the newest.
percentile_disc(0.95) within group (order by GIVEN.late)
    filter (where GIVEN.late is not null and GIVEN.scheduled_for > GIVEN.last_at - interval '7 days')

-- name: overrides
-- What may be set for one integration, from the row GIVEN.
GIVEN.catch_up, GIVEN.catch_up_window, GIVEN.overlap, GIVEN.spread, GIVEN.attempts, GIVEN.backoff, GIVEN.timeout,
GIVEN.completion_timeout

-- name: may_be_taken
-- Whether the caller may end or move the run of `asked`: it waits, or its worker died with the job of its seat. The job
-- of the caller must not belong to another worker than GIVEN (as in attempts.start).
(
    state = 'claimed'
    or state = 'running' and completes_by is null and exists (
        select from synkron.running held
        where held.integration_id = runs.integration_id and held.run_id = runs.id
            and (held.job_id = asked.job_id or not exists (select from synkron.queue job where job.id = held.job_id))
    )
)
and not exists (select from synkron.queue job where job.id = asked.job_id and job.queue_manager_id <> GIVEN)

-- name: behind
-- The oldest run that waits behind the runs GIVEN, for each of their integrations. They are not seen to have ended, so
-- their numbers $1 are left out.
(select distinct integration_id from GIVEN) gone
cross join lateral (
    select id, integration_type, next_attempt_at
    from synkron.runs
    where runs.integration_id = gone.integration_id
        and runs.finished_at is null
        and runs.state = 'claimed'
        and runs.id <> all($1::bigint[])
        and runs.next_attempt_at <= clock_timestamp() + interval '5 seconds'
    order by runs.scheduled_for
    limit 1
) next

-- name: rights
-- What the service's role may do with the objects of the schema GIVEN: each object by kind, name and as it is written in
-- SQL, and a privilege on it. Partitions need none: they are reached through their tables.
(
    select 'table' as kind, oid, relname as name, oid::regclass::text as object, privilege
    from pg_class
    cross join unnest(array['select', 'insert', 'update', 'delete']) privilege
    where relnamespace = GIVEN
        and relkind in ('r', 'p')
        and not relispartition
        and not (relname = 'migrations' and privilege <> 'select')
        and not (relname = 'audit' and privilege in ('update', 'delete'))
    union all
    select 'sequence', oid, relname, oid::regclass::text, privilege
    from pg_class
    cross join unnest(array['usage', 'select']) privilege
    where relnamespace = GIVEN and relkind = 'S'
    union all
    select 'function', oid, proname, oid::regprocedure::text, 'execute'
    from pg_proc
    where pronamespace = GIVEN and proname in ('keep_partitions', 'pause_over')
)

-- name: of_scope
-- Whether the row GIVEN is of the organization $4, the type $5 and the integration $6; null is any.
($4::text is null or GIVEN.org_id = $4)
and ($5::text is null or GIVEN.integration_type = $5)
and ($6::text is null or GIVEN.integration_id = $6)

-- name: overview_matches
-- Whether a row GIVEN of the overview's copy, with its figures `r`, is asked for: of the organization $1, the type $2, the
-- integration $3, with the words $4, in the state $5 at the moment $6; null is any. A pause of everything is left out:
-- then all are paused. Each list is read once and hashed.
($1::text is null or GIVEN.org_id = $1)
and ($2::text is null or GIVEN.integration_type = $2)
and ($3::text is null or GIVEN.integration_id = $3)
and ($4::text is null or GIVEN.words @@ $4::tsquery)
and ($5::text is distinct from 'failing' or r.failing_key < 'infinity')
and ($5 is distinct from 'disabled' or not GIVEN.is_live)
and ($5 is distinct from 'running' or GIVEN.integration_id in (select integration_id from synkron.running))
and ($5 is distinct from 'held' or GIVEN.integration_id in (select integration_id from synkron.held))
and (
    $5 is distinct from 'invalid'
    or GIVEN.is_unfit
    or GIVEN.schedule_id in (select id from synkron.overview_schedules where next_key = 'infinity' and not is_valid)
)
and (
    $5 is distinct from 'paused'
    or GIVEN.integration_id in (select integration_id from synkron.pauses where {in_effect[$6]})
    or GIVEN.org_id in (select org_id from synkron.pauses where {in_effect[$6]} and integration_type is null)
    or GIVEN.integration_type in (select integration_type from synkron.pauses where {in_effect[$6]} and org_id is null)
    or (GIVEN.org_id, GIVEN.integration_type) in (
        select org_id, integration_type from synkron.pauses where {in_effect[$6]} and integration_type is not null
    )
)

-- name: overview_rows_of
-- The rows of the figures GIVEN, which a walk has found, and of these the ones that are asked for, behind the cursor.
cross join lateral (
    select * from synkron.overview_integrations one where one.integration_id = GIVEN.integration_id offset 0
) o
where {overview_matches[o]}
    and (GIVEN.number, GIVEN.rank, GIVEN.key, o.integration_id, o.place) > ($7, $8, $9, $10, $11)
order by number, rank, key, o.integration_id, o.place
limit $13

-- name: overview_after
-- Whether the place of the row GIVEN in the order comes after that of the cursor.
(GIVEN.number, GIVEN.rank, GIVEN.key, GIVEN.integration_id, GIVEN.place)
    > ($7::float8, $8::bigint, $9::text, $10::text, $11::integer)
