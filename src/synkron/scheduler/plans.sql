-- What pg_cron may claim while no scheduler ticks.

-- name: second_clock
-- Whether the schedulers rest for a drill, and up to where the coming moments are to be planned, if at all.
select
    coalesce(schedulers_rest_until > clock_timestamp(), false) as at_rest,
    case when claims then now() + ahead end as plan_until,
    planned_until
from synkron.second_clock;

-- name: has_claimed
-- Whether pg_cron has claimed moments after $1.
select exists (
    select from synkron.ticks where at > $1::timestamptz - interval '2 minutes' and source = 'pg_cron' and claimed > 0
);

-- name: forget
-- Delete the plans of moments that have passed; of all moments if $1.
delete from synkron.plans where $1 or scheduled_for < now() - interval '1 hour';

-- name: plan
insert into synkron.plans (
    scheduled_for, integration_id, org_id, integration_type, cron_schedule, timezone, key, period_start, execute_after
)
select * from unnest(
    $1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
    $9::timestamptz[]
)
on conflict (scheduled_for, integration_id) do nothing;

-- name: planned
update synkron.second_clock set planned_until = $1;
