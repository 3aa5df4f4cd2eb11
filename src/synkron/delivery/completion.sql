-- Runs that their targets have accepted and complete later.

-- name: find
-- The types of those of the runs $1 that exist, and the time.
select id, integration_type, now() as at from synkron.runs where id = any($1::bigint[]);

-- name: wait_briefly
set local lock_timeout = '1s';

-- name: runs
-- The runs $1 with their integrations' overrides, locked, so that only one of several completions counts. They are
-- locked in the order of their numbers, so that callers can't deadlock.
select
    {run[r]}, r.state, r.completes_by, coalesce(r.completes_by <= clock_timestamp(), false) as is_overdue,
    {overrides[v]}
from synkron.runs r
left join synkron.overrides v on v.integration_id = r.integration_id
where r.id = any($1::bigint[])
order by r.id
for update of r;
