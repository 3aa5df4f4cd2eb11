-- What fires next, counted by schedule, from the overview's copy.

-- name: groups
-- The valid schedules that fire before $1, with how many integrations of each type have them. Plan: the index
-- overview_schedules_next.
select cron_schedule, timezone, zone_is_number, integration_type, integrations
from synkron.overview_schedules
where next_key <= extract(epoch from $1::timestamptz) and integrations > 0 and ($2::text is null or integration_type = $2)
order by cron_schedule, timezone, zone_is_number;

-- name: groups_of
-- The same for the organization $2, the type $3 and the integration $4; null is any. Plan: the index
-- overview_of_organization, or the primary key.
select s.cron_schedule, s.timezone, s.zone_is_number, s.integration_type, count(*) as integrations
from synkron.overview_integrations o
join synkron.overview_schedules s on s.id = o.schedule_id
where s.next_key <= extract(epoch from $1::timestamptz)
    and ($2::text is null or o.org_id = $2)
    and ($3::text is null or o.integration_type = $3)
    and ($4::text is null or o.integration_id = $4)
group by s.id
order by s.cron_schedule, s.timezone, s.zone_is_number;

-- name: paused
-- The integrations of the scope $2 to $4 that are paused at $1 by themselves, by their organization or by its type, counted
-- by schedule and by when the last such pause ends; null is never. Pauses of a type or of everything are in no row. Plan:
-- for few pauses, and for the rows of a narrow scope, the index overview_of_organization or the primary key; else hashes.
select s.cron_schedule, s.timezone, s.zone_is_number, s.integration_type, paused.until, count(*) as integrations
from (
    select o.schedule_id, nullif(max(coalesce(o.until, 'infinity')), 'infinity') as until
    from (
        select o.*, pauses.until
        from synkron.pauses
        join synkron.overview_integrations o on o.org_id = pauses.org_id
        where {in_effect[$1]} and o.integration_type = coalesce(pauses.integration_type, o.integration_type)
        union all
        select o.*, pauses.until
        from synkron.pauses
        join synkron.overview_integrations o on o.integration_id = pauses.integration_id
        where {in_effect[$1]}
    ) o
    where o.schedule_id is not null
        and ($2::text is null or o.org_id = $2)
        and ($3::text is null or o.integration_type = $3)
        and ($4::text is null or o.integration_id = $4)
    group by o.integration_id, o.place, o.schedule_id
) paused
join synkron.overview_schedules s on s.id = paused.schedule_id
group by s.id, paused.until;

-- name: caught_up
-- The runs for missed moments that are to start from $1 to $2, by type and by the minute at which they may, of the
-- scope $3 to $5. Plan: the index runs_unfinished.
select integration_type, date_trunc('minute', greatest(next_attempt_at, $1), 'UTC') as at, count(*) as runs
from synkron.runs
where finished_at is null and source = 'catch_up' and state = 'claimed' and next_attempt_at <= $2
    and ($3::text is null or org_id = $3)
    and ($4::text is null or integration_type = $4)
    and ($5::text is null or integration_id = $5)
group by 1, 2
order by 1, 2;

-- name: copy
-- Which ledger this is, and when its copy was refreshed: what a process remembers of one does not count for another.
select id::text as installation, (select at from synkron.overview_refreshes) as refreshed_at
from synkron.installations
where until is null;

-- name: last_called
-- When the targets of the types were last called.
select integration_type, met_at from synkron.warmth;
