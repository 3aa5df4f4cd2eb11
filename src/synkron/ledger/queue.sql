-- Synkron's statements on PgQueuer's own table.

-- name: enqueue
-- Enqueues a job for each of the runs $2 of the types $1, to be started after the waits $3.
insert into synkron.queue (priority, entrypoint, payload, execute_after, status)
select 0, integration_type, convert_to(run_id::text, 'UTF8'), now() + wait, 'queued'
from unnest($1::text[], $2::bigint[], $3::interval[]) job (integration_type, run_id, wait);

-- name: take
-- Takes no job if the ledger is not at home. That is checked once, before anything is taken.
select * from synkron.take_jobs($1, $2, $3, $4, $5) where synkron.is_at_home();

-- name: any_to_take
-- Whether a job of the types $1 may start now, within its type's limit $2 (0: no limit). Plan: the time comes from a
-- subquery, which is evaluated once and limits the index scan; a volatile function would be compared with every job.
select exists (
    select from unnest($1::text[], $2::bigint[]) type (name, most)
    where (most = 0 or most > (select count(*) from synkron.queue where entrypoint = name and status = 'picked'))
        and exists (
            select from synkron.queue
            where entrypoint = name and status = 'queued' and execute_after <= (select clock_timestamp())
        )
);

-- name: end
-- Ends those of the jobs $1 that, according to the queue, still belong to their worker $2.
delete from synkron.queue
using unnest($1::bigint[], $2::uuid[]) job (id, worker)
where queue.id = job.id and queue.queue_manager_id = job.worker;

-- name: still_held
-- Whether the job $1, according to the queue, still belongs to the worker $2.
select exists (select from synkron.queue where id = $1 and queue_manager_id = $2);
