-- What Synkron asks of PgQueuer's own table.

-- name: still_held
-- Those of the jobs $1 that the queue still has down as given to $2: the same worker that comes with them.
select queue.id
from synkron.queue
join unnest($1::bigint[], $2::uuid[]) job (id, worker) on queue.id = job.id and queue.queue_manager_id = job.worker;
