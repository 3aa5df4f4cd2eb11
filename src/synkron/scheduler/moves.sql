-- Runs that follow their rows, whose type or organization was edited after the claim.

-- name: follow
-- Give the runs $1 the types $2 and the organizations $3 of their integrations' rows, each with a job of the new type;
-- $4 is added to their reasons. The key stays, as it depends on neither. A run that waited for the old type's vendor no
-- longer waits. A run whose worker died is taken back from it, with its row in synkron.running, as in skips.skip ($5
-- are the jobs, null if the caller has none, $6 the worker's id in the queue). Returns the runs that follow; the others
-- have ended, are running elsewhere, or have followed before. Rows are locked in the order of their numbers, as in
-- attempts.start.
with candidate as (
    select runs.id, scheduled_for, asked.integration_type, asked.org_id, asked.note, runs.state = 'running' as was_lost
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[])
            asked (run_id, integration_type, org_id, note, job_id),
        synkron.runs
    where runs.id = asked.run_id
        and (runs.integration_type, runs.org_id) is distinct from (asked.integration_type, asked.org_id)
        and {may_be_taken[$6]}
    order by runs.id
    for update of runs
),
followed as (
    update synkron.runs set
        integration_type = candidate.integration_type,
        org_id = candidate.org_id,
        reason = reason || candidate.note,
        state = 'claimed',
        failures = failures + was_lost::integer,
        crashes = crashes + was_lost::integer,
        next_attempt_at = case when deferred_until is null then next_attempt_at else clock_timestamp() end,
        deferred_at = null, deferred_reason = null, deferred_until = null, released_at = null
    from candidate
    where runs.id = candidate.id and runs.scheduled_for = candidate.scheduled_for
    returning runs.id, runs.scheduled_for, runs.integration_id, runs.integration_type, runs.next_attempt_at, was_lost
),
freed as (
    delete from synkron.running using followed
    where running.integration_id = followed.integration_id and running.run_id = followed.id
),
lost as (
    update synkron.attempts set finished_at = clock_timestamp(), outcome = 'lost',
        error = 'the worker was lost before it could record the outcome'
    from followed
    where was_lost and attempts.run_id = followed.id and attempts.scheduled_for = followed.scheduled_for
        and attempts.finished_at is null
),
enqueued as (
    insert into synkron.queue (priority, entrypoint, payload, execute_after, status)
    select 0, integration_type, convert_to(id::text, 'UTF8'), greatest(next_attempt_at, now()), 'queued'
    from followed
)
select id from followed;

-- name: any_kept
-- Whether left_behind may find any, without reading the application's rows.
select exists (
    select from synkron.runs
    where finished_at is null and (deferred_until > now() or integration_type <> all($1::text[]))
) or exists (
    select from synkron.pauses where {in_effect[now()]}
);

-- name: left_behind
-- Runs that could have started a minute ago and that no worker takes: their type is not in the settings ($1), or they
-- are paused or wait for their vendor; and whose row is valid and has moved to another type (one of $1) or
-- organization. Plan: from the index of unfinished runs, few of which match, to the primary key.
-- Scans: only if no index proves that ids are unique; otherwise a one-time filter skips it.
select
    run.id, run.integration_type, run.org_id,
    i.integration_type::text as live_type, i.org_id::text as live_org
from (
    select id, integration_id, integration_type, org_id
    from synkron.runs
    where finished_at is null and state = 'claimed' and execute_after < now() - interval '1 minute'
        and (
            integration_type <> all($1::text[])
            or deferred_until > now()
            or {paused[now()]}
        )
) run
cross join {rows}
where i.id = {id[run.integration_id]}
    and (i.integration_type::text, i.org_id::text) is distinct from (run.integration_type, run.org_id)
    and i.integration_type::text = any($1::text[])
    and coalesce({oddity}, {doubled}) is null
order by run.id
limit 1000;
