-- Whom entries from before 0013 were about, as far as their own words and numbers tell, and the runs and incidents that
-- they name. An entry about several runs has what all of them share. It is a migration of its own: it locks these rows,
-- which nobody else changes, and not the table, so that changes can be made meanwhile. The table may be large: only the
-- newest 100,000 are looked at.
update synkron.audit set
    org_id = known.org_id,
    integration_type = known.integration_type,
    integration_id = known.integration_id
from (
    select
        named.id,
        coalesce(named.org_id, incident.org_id, of_runs.org_id, of_integration.org_id) as org_id,
        coalesce(
            named.integration_type, incident.integration_type, of_runs.integration_type, of_integration.integration_type
        ) as integration_type,
        coalesce(named.integration_id, of_runs.integration_id) as integration_id
    from (
        select
            id,
            coalesce(
                split_part(
                    split_part(substring(subject from '^(?:type [^ ]+ of )?organization (.+)$'), ' (', 1),
                    ', endpoint ', 1
                ),
                after ->> 'org_id',
                before ->> 'org_id'
            ) as org_id,
            substring(subject from '^type ([^ ]+)') as integration_type,
            split_part(substring(subject from '^integration (.+)$'), ' (', 1) as integration_id,
            substring(subject from '^incident ([0-9]{1,18}) ')::bigint as incident_id,
            case jsonb_typeof(before -> 'runs') when 'array' then before -> 'runs' end as runs
        from synkron.audit
        order by id desc
        limit 100000
    ) named
    left join synkron.incidents incident on incident.id = named.incident_id
    left join lateral (
        select
            case when count(distinct runs.org_id) = 1 then min(runs.org_id) end as org_id,
            case when count(distinct runs.integration_type) = 1 then min(runs.integration_type) end as integration_type,
            case when count(distinct runs.integration_id) = 1 then min(runs.integration_id) end as integration_id
        from jsonb_array_elements(named.runs) one
        join synkron.runs on runs.id = case when one ->> 'run' ~ '^[0-9]{1,18}$' then (one ->> 'run')::bigint end
    ) of_runs on true
    left join lateral (
        select org_id, integration_type from synkron.runs
        where integration_id = named.integration_id
        order by scheduled_for desc
        limit 1
    ) of_integration on true
) known
where audit.id = known.id and num_nonnulls(known.org_id, known.integration_type, known.integration_id) > 0;
