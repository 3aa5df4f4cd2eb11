-- Runs that their targets have accepted and complete later.

-- name: integration_type
select integration_type from synkron.runs where id = $1;

-- name: run
-- The run $1 with its integration's overrides, locked, so that only one of several completions counts.
select
    {run[r]}, r.state, r.completes_by, coalesce(r.completes_by <= clock_timestamp(), false) as is_overdue,
    {overrides[v]}
from synkron.runs r
left join synkron.overrides v on v.integration_id = r.integration_id
where r.id = $1
for update of r;
