-- What the statements that read the application's rows have in common, put into them in braces. Whatever stands in the
-- application's tables, such a statement answers: what can't be sent, read or kept is cut or written for people, and
-- `oddity` (`synkron.source.oddity`) says what it is. VALUE, LIMIT, ALIAS and PREFIX are given in brackets.

-- name: legible
-- VALUE as text of at most LIMIT characters; to count them takes longer than all else. A database in SQL_ASCII holds any
-- bytes: where they are not UTF-8, the high ones are written as octal numbers. In any other encoding they are text.
case
    when (select getdatabaseencoding() <> 'SQL_ASCII') and octet_length(VALUE::text) <= LIMIT then VALUE::text
    when (select getdatabaseencoding() <> 'SQL_ASCII') or left(VALUE::text, LIMIT) ~ {utf8} then left(VALUE::text, LIMIT)
    else left(encode(convert_to(left(VALUE::text, LIMIT), 'SQL_ASCII'), 'escape'), LIMIT)
end

-- name: is_number
-- Whether VALUE is a number, or of a domain over numbers.
pg_typeof(coalesce(VALUE, null)) = any('{{smallint,integer,bigint,numeric}}'::regtype[])

-- name: in_range
-- Whether the time VALUE lies in a year that Python has, whatever zone it is read in. Of a column that holds no times the
-- database says that there is no such function.
(isfinite(VALUE) and VALUE between '0001-01-02' and '9999-12-30')

-- name: integration_columns
-- Of the integrations' table under an ALIAS, by the names that `row` knows.
ALIAS.{integrations.id} as id,
ALIAS.{integrations.org_id} as org_id,
ALIAS.{integrations.integration_type} as integration_type,
coalesce(ALIAS.{integrations.is_enabled}, false) as is_enabled,
ALIAS.{integrations.cron_schedule} as cron_schedule,
{updated_at[ALIAS]} as updated_at

-- name: organization_columns
-- Likewise of the organizations' table.
ALIAS.{organizations.id} as id,
{zone[ALIAS]} as timezone

-- name: integration_rows
(select {integration_columns[t]} from {integrations} t)

-- name: organization_rows
(select {organization_columns[t]} from {organizations} t)

-- name: named_organizations
(select t.{organizations.id} as id, t.{organizations.name} as name from {organizations} t)

-- name: oddity
-- What of the integration `i` of the organization `o` can't be worked with; null where all can.
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
-- The integration `i` with its organization `o`, as a `model.Integration`. An expression is cut after the first character
-- for which it is refused as too long.
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

-- name: ids_are_unique
-- Whether an index vouches for it that no id stands twice among the integrations.
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
-- Likewise among the organizations.
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
-- The ids that stand twice, beside `i`. Where an index vouches for it that there are none, a one-time filter leaves the
-- scan out.
left join (
    select d.{integrations.id} as id from {integrations} d where not {ids_are_unique} group by 1 having count(*) > 1
) twice on twice.id = i.id
left join (
    select d.{organizations.id} as id from {organizations} d where not {org_ids_are_unique} group by 1 having count(*) > 1
) organization_twice on organization_twice.id = i.org_id

-- name: rows
-- All integrations `i` with their organizations `o`, each once.
{integration_rows} i
{twice}
left join {organization_rows} o on o.id = i.org_id and organization_twice.id is null

-- name: doubled
-- What `twice` says of the row, in the words of `oddity`.
case
    when twice.id is not null then 'id twice'
    when organization_twice.id is not null then 'organization twice'
end
