-- What a glance needs of the ledger.

-- name: pg_cron_claimed_at
-- When pg_cron last claimed what was planned, within an hour. Plan: the index ticks_newest.
select max(at) from synkron.ticks
where at > now() - interval '1 hour' and source = 'pg_cron' and not {moves_watermark[ticks]};

-- name: runs
-- The unfinished runs at $1 of the organization $2, the type $3 and the integration $4; null is any. Plan: the index
-- runs_unfinished of each month, as `waiting` of the conditions.
select
    count(*) filter (where state = 'claimed' and deferred_until is null and next_attempt_at <= $1) as waiting,
    count(*) filter (where state = 'running' and completes_by is null) as running,
    count(*) filter (where state = 'running' and completes_by is not null) as accepted,
    count(*) filter (where state = 'claimed' and deferred_until is not null) as on_hold
from synkron.runs
where finished_at is null
    and ($2::text is null or org_id = $2)
    and ($3::text is null or integration_type = $3)
    and ($4::text is null or integration_id = $4);

-- name: counts
-- The pauses in effect at $1, and the integrations that were due and could not run, by why. Those of a scope ($2 to $4, as
-- above) are the pauses that one of its integrations is under, as the overview's copy has it. Plan: the pauses of
-- integrations are joined to the copy, each read once at most; looked up for each pause, 100,000 take minutes.
-- Scans: held, which is as long as the answer counts, and the pauses.
with pause as not materialized (
    select id, org_id, integration_type, integration_id from synkron.pauses where {in_effect[$1]}
)
select
    case when num_nonnulls($2::text, $3::text, $4::text) = 0 then (select count(*) from pause)
    else (
        select count(*) from pause
        where integration_id is null and case
            when num_nonnulls($2, $4) = 0 and org_id is null then coalesce(integration_type, $3) = $3
            when org_id is null then exists (
                select from synkron.overview_integrations o
                where ($2 is null or o.org_id = $2) and ($4 is null or o.integration_id = $4)
                    and o.integration_type = coalesce($3, pause.integration_type, o.integration_type)
                    and o.integration_type = coalesce(pause.integration_type, o.integration_type)
            )
            else exists (
                select from synkron.overview_integrations o
                where o.org_id = pause.org_id and o.org_id = coalesce($2, o.org_id)
                    and o.integration_type = coalesce($3, pause.integration_type, o.integration_type)
                    and o.integration_type = coalesce(pause.integration_type, o.integration_type)
                    and o.integration_id = coalesce($4, o.integration_id)
            )
        end
    ) + (
        select count(distinct pause.id)
        from pause
        join synkron.overview_integrations o on o.integration_id = pause.integration_id
        where ($2 is null or o.org_id = $2)
            and ($3 is null or o.integration_type = $3)
            and ($4 is null or o.integration_id = $4)
    )
    end as pauses,
    count(*) filter (where reason = 'pause') as paused,
    count(*) filter (where reason = 'type') as unknown_type,
    count(*) filter (where reason = 'organization') as without_organization
from synkron.held
where num_nonnulls($2, $3, $4) = 0
    or exists (
        select from synkron.overview_integrations o
        where o.integration_id = held.integration_id
            and ($2 is null or o.org_id = $2)
            and ($3 is null or o.integration_type = $3)
            and ($4 is null or o.integration_id = $4)
    );

-- name: open_incidents
-- How many incidents are open: all of them, or those about the organization $1, the type $2 or the integration $3. Plan:
-- the index incidents_open.
select count(*)
from synkron.incidents
where closed_at is null
    and ($1::text is null or org_id = $1)
    and ($2::text is null or integration_type = $2)
    and ($3::text is null or exists (
        select from synkron.overview_integrations o
        where o.integration_id = $3 and (o.org_id, o.integration_type) = (incidents.org_id, incidents.integration_type)
    ));

-- name: firing_types
-- Those of the types $1 that a row has which is to run, as the overview's copy has them. Plan: the index overview_by_type,
-- for each type up to its first such row.
select kind as integration_type
from unnest($1::text[]) kind
cross join lateral (
    select from synkron.overview_integrations
    where type_key > kind || chr(1) collate "C" and type_key < kind || chr(2) collate "C" and is_live
    order by type_key
    limit 1
) one;

-- name: called_lately
-- The types whose target was called within a day, wherever it is set. There is a row for each type.
select integration_type from synkron.warmth where met_at > now() - interval '1 day';
