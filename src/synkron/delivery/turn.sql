-- What a worker reads before it starts a run.

-- name: turn
-- The current state of the runs $1 in one result: each with its integration's row and organization, its overrides, the
-- pause that applies to it, and the moment of the newest older run that has not finished (`behind`). If there is a
-- `refusal`, rows may be hidden, and a missing row proves nothing. Plan: the primary keys; a worker's connections use
-- generic plans, which assume that an array is short; pause_over is not called while nothing is paused. If a run is
-- returned more than once, its integration's id or its organization's id is on more than one row.
select
    {run[r]}, r.state, r.retries, r.completes_by, r.deferred_at,
    (r.cron_schedule, r.timezone) is not distinct from (i.cron_schedule::text, o.timezone::text) as as_claimed,
    read_now.at, read_now.refusal,
    i.id is not null as live,
    {row[live_]},
    case when count(*) over (partition by asked.run_id) > 1 then 'id twice' end as live_doubled,
    v.integration_id is not null as has_override, {overrides[v]},
    p.reason as pause_reason, p.author as pause_author, p.until as pause_until,
    (
        select max(older.scheduled_for) from synkron.runs older
        where older.integration_id = r.integration_id
            and older.scheduled_for < r.scheduled_for
            and older.finished_at is null
    ) as behind
from unnest($1::bigint[]) asked (run_id)
cross join (
    select clock_timestamp() as at, {refusal} as refusal
) read_now
left join synkron.runs r on r.id = asked.run_id
left join {integration_rows} i on i.id = {id[r.integration_id]}
left join {organization_rows} o on o.id = i.org_id
left join synkron.overrides v on v.integration_id = r.integration_id
left join synkron.pauses p on (select exists (select from synkron.pauses where ended_at is null))
    and p.id = synkron.pause_over(r.org_id, r.integration_type, r.integration_id, read_now.at);
