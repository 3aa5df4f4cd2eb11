-- What a person may have named, in the application's tables and in Synkron's own.

-- name: types
-- The types of the rows, each once.
-- Scans: the integrations, once, for a command, if the text is no type of the settings.
select distinct {legible[i.integration_type 200]} as id from {integration_rows} i where i.integration_type is not null;

-- name: types_of_copy
-- The same, as the overview's copy has them. Plan: the index overview_by_type, once for each type.
with recursive found as (
    (select integration_type as id from synkron.overview_integrations order by type_key limit 1)
    union all
    select (
        select o.integration_type from synkron.overview_integrations o
        where o.type_key > found.id || chr(2)
        order by o.type_key
        limit 1
    )
    from found
    where found.id is not null
)
select id from found where id <> '';

-- name: integrations_with_id
-- The integrations with the ids $1. Plan: the primary key.
{named_integrations}
where i.id = any({ids[$1]}) and i.org_id is not null and i.integration_type is not null;

-- name: integrations_that_begin
-- Up to $2 integrations whose id begins with $1, in any case.
-- Scans: the integrations, once, for a command, if the text is no whole id.
{named_integrations}
where starts_with(lower(i.id::text), lower($1)) and i.org_id is not null and i.integration_type is not null
order by 1
limit $2;

-- name: integrations_of
-- Up to $3 integrations of the organization $1 and the type $2, null is any.
-- Scans: the integrations, once, for a command.
{named_integrations}
where i.id is not null and i.org_id::text = $1 and ($2::text is null or i.integration_type::text = $2)
order by 1
limit $3;

-- name: organization_on_record
-- The first of the ids $1 that Synkron's own tables have as an organization's, though its row may be gone.
-- Scans: the incidents, pauses and silences, once, for a command, if no row has the id.
select one.id
from unnest($1::text[]) with ordinality one (id, place)
where exists (select from synkron.runs where org_id = one.id)
    or exists (select from synkron.incidents where org_id = one.id)
    or exists (select from synkron.pauses where org_id = one.id)
    or exists (select from synkron.silences where org_id = one.id)
order by one.place
limit 1;

-- name: integration_on_record
-- The same for an integration, with what was last known of it: of the organization $2, if a run or a change is on record
-- that was about it; null is any.
-- Scans: the pauses, once, for a command, if no row has the id.
select one.id, known.org_id, known.integration_type, '' as organization
from unnest($1::text[]) with ordinality one (id, place)
left join lateral (
    select org_id, integration_type
    from (
        (
            select org_id, integration_type, claimed_at as at from synkron.runs
            where integration_id = one.id and org_id = coalesce($2::text, org_id)
            order by scheduled_for desc
            limit 1
        )
        union all
        (
            select org_id, integration_type, at from synkron.audit
            where integration_id = one.id and org_id = coalesce($2::text, org_id) and integration_type is not null
            order by at desc, id desc
            limit 1
        )
    ) recorded
    order by at desc
    limit 1
) known on true
where known.org_id is not null
    or ($2::text is null and exists (select from synkron.overrides where integration_id = one.id))
    or ($2::text is null and exists (select from synkron.pauses where integration_id = one.id))
order by one.place
limit 1;

-- name: type_on_record
-- The same for a type, in the tables that have few rows, or a row for each type that was ever called.
-- Scans: the incidents, pauses and silences, once, for a command, if no row and no setting has the type.
select one.id
from unnest($1::text[]) with ordinality one (id, place)
where exists (select from synkron.warmth where integration_type = one.id)
    or exists (select from synkron.incidents where integration_type = one.id)
    or exists (select from synkron.pauses where integration_type = one.id)
    or exists (select from synkron.silences where integration_type = one.id)
order by one.place
limit 1;

-- name: type_of_runs_on_record
-- The same for a type whose runs were all skipped, so that its target was never called.
-- Scans: the runs, once, for a command, up to the first of the type; all of them if the type is unknown.
select one.id
from unnest($1::text[]) with ordinality one (id, place)
where exists (select from synkron.runs where integration_type = one.id)
order by one.place
limit 1;
