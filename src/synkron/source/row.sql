-- Fragments shared by the statements that read the application's rows, which name them in braces. No value in the
-- application's tables makes such a statement fail: a value that can't be sent, read or stored is cut or made readable,
-- and `oddity` (`synkron.source.oddity`) says what is wrong. VALUE, LIMIT, ALIAS and PREFIX are given in brackets.

-- name: legible
-- VALUE as text of at most LIMIT characters. It compares bytes first, because counting characters is the slowest part.
-- A database in SQL_ASCII may contain any bytes: those that are not UTF-8 are written as octal numbers. In any other
-- encoding all bytes are valid text.
case
    when (select getdatabaseencoding() <> 'SQL_ASCII') and octet_length(VALUE::text) <= LIMIT then VALUE::text
    when (select getdatabaseencoding() <> 'SQL_ASCII') or left(VALUE::text, LIMIT) ~ {utf8} then left(VALUE::text, LIMIT)
    else left(encode(convert_to(left(VALUE::text, LIMIT), 'SQL_ASCII'), 'escape'), LIMIT)
end

-- name: is_number
-- Whether VALUE is of a numeric type, or of a domain over one.
pg_typeof(coalesce(VALUE, null)) = any('{{smallint,integer,bigint,numeric}}'::regtype[])

-- name: in_range
-- Whether the time VALUE is in a year that Python supports, in every zone. If the column is not of a time type, the
-- database reports that the function does not exist.
(isfinite(VALUE) and VALUE between '0001-01-02' and '9999-12-30')

-- name: integration_columns
-- The columns of the integrations table under an ALIAS, with the names that `row` uses.
ALIAS.{integrations.id} as id,
ALIAS.{integrations.org_id} as org_id,
ALIAS.{integrations.integration_type} as integration_type,
coalesce(ALIAS.{integrations.is_enabled}, false) as is_enabled,
ALIAS.{integrations.cron_schedule} as cron_schedule,
{updated_at[ALIAS]} as updated_at

-- name: organization_columns
-- The same for the organizations table.
ALIAS.{organizations.id} as id,
{zone[ALIAS]} as timezone

-- name: integration_rows
(select {integration_columns[t]} from {integrations} t)

-- name: organization_rows
(select {organization_columns[t]} from {organizations} t)

-- name: id
-- The integration's id whose text is VALUE; null if the column can't have it. The column's type is that of a field of no
-- row, so a statement follows when the application alters it. The index of the primary key is used.
synkron.id_of(VALUE, (null::{integrations}).{integrations.id})

-- name: ids
-- The same for the texts in the array VALUE.
array(select synkron.id_of(given.id, (null::{integrations}).{integrations.id}) from unnest(VALUE::text[]) given (id))

-- name: organization_ids
-- The same for organizations.
array(select synkron.id_of(given.id, (null::{organizations}).{organizations.id}) from unnest(VALUE::text[]) given (id))

-- name: named_organizations
(select t.{organizations.id} as id, t.{organizations.name} as name from {organizations} t)

-- name: named_integrations
-- The integrations `i`, each with the name of its organization, as people read them; a condition follows.
select
    {legible[i.id 200]} as id, {legible[i.org_id 200]} as org_id, {legible[i.integration_type 200]} as integration_type,
    coalesce({legible[o.name 200]}, '') as organization
from {integration_rows} i
left join {named_organizations} o on o.id = i.org_id

-- name: oddity
-- Which value of the integration `i` of the organization `o` can't be used; null if all can.
case
    when i.id is null then 'id null'
    when octet_length(i.id::text) > 200 then 'id long'
    when i.org_id is null then 'org_id null'
    when octet_length(i.org_id::text) > 200 then 'org_id long'
    when i.integration_type is null then 'integration_type null'
    when octet_length(o.timezone::text) > 512 then 'timezone long'
    when not {in_range[i.updated_at]} then 'updated_at range'
    when (select getdatabaseencoding() <> 'SQL_ASCII') then null
    when concat_ws(' ', i.id, i.org_id, i.integration_type, i.cron_schedule, o.timezone) !~ {utf8} then 'row bytes'
end

-- name: row
-- The integration `i` with its organization `o`, as a `model.Integration`. An expression is cut at one character more
-- than is allowed, so that it is still refused as too long.
coalesce({legible[i.id 200]}, '(null)') as PREFIXintegration_id,
coalesce({legible[i.org_id 200]}, '(null)') as PREFIXorg_id,
coalesce({legible[i.integration_type 200]}, '(null)') as PREFIXintegration_type,
i.is_enabled as PREFIXis_enabled,
{legible[i.cron_schedule 513]} as PREFIXcron_schedule,
o.id is not null as PREFIXorganization_exists,
{legible[o.timezone 512]} as PREFIXtimezone,
{is_number[o.timezone]} as PREFIXzone_is_number,
case when {in_range[i.updated_at]} then i.updated_at::timestamptz end as PREFIXupdated_at,
{oddity} as PREFIXoddity

-- name: refusal
-- Why this session may not read the two tables (G8): it has the claims of a user of Supabase, or row security hides rows
-- from its role. Row security hides nothing if a policy for the role shows every row and no restrictive one may take
-- rows away. Null if the session may read.
case
    when nullif(current_setting('request.jwt.claims', true), '') is not null
        and current_setting('request.jwt.claims', true)::jsonb ->> 'role' is distinct from 'service_role' then 'claims'
    when exists (
        select from unnest(array['{integrations}', '{organizations}']::regclass[]) secured (oid)
        where row_security_active(secured.oid) and not (
            select coalesce(bool_or(policy.polpermissive and shows_all), false)
                and coalesce(bool_and(policy.polpermissive or shows_all), true)
            from pg_policy policy
            cross join coalesce(pg_get_expr(policy.polqual, policy.polrelid) = 'true', false) shows_all
            where policy.polrelid = secured.oid
                and policy.polcmd in ('r', '*')
                and exists (
                    select from unnest(policy.polroles) role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage')
                )
        )
    ) then 'rows'
end

-- name: ids_are_unique
-- Whether a unique index guarantees that no two integrations have the same id.
(
    select exists (
        select from pg_index
        where indrelid = to_regclass('{integrations}')
            and indisunique and indisvalid and indpred is null and indnkeyatts = 1
            and indkey[0] = (
                select attnum from pg_attribute where attrelid = indrelid and attname = '{integrations_id}'
            )
    )
)

-- name: org_ids_are_unique
-- The same for the organizations.
(
    select exists (
        select from pg_index
        where indrelid = to_regclass('{organizations}')
            and indisunique and indisvalid and indpred is null and indnkeyatts = 1
            and indkey[0] = (
                select attnum from pg_attribute where attrelid = indrelid and attname = '{organizations_id}'
            )
    )
)

-- name: twice
-- Joins the ids that are on more than one row to `i`. If a unique index guarantees that there are none, a one-time
-- filter leaves the scan out.
left join (
    select d.{integrations.id} as id from {integrations} d where not {ids_are_unique} group by 1 having count(*) > 1
) twice on twice.id = i.id
left join (
    select d.{organizations.id} as id from {organizations} d where not {org_ids_are_unique} group by 1 having count(*) > 1
) organization_twice on organization_twice.id = i.org_id

-- name: rows
-- All integrations `i` with their organizations `o`, one row for each integration.
{integration_rows} i
{twice}
left join {organization_rows} o on o.id = i.org_id and organization_twice.id is null

-- name: doubled
-- The result of `twice` for the row, as a value of `oddity`.
case
    when twice.id is not null then 'id twice'
    when organization_twice.id is not null then 'organization twice'
end
