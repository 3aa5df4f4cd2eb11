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
