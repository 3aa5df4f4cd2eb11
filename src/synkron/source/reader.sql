-- The reads of the application's own tables. They need nothing that Synkron installs.
-- {zone[o]} is the zone of the organization o, or null if the settings say that there is no such column.
-- {updated_at[i]} is the same for the integration i.

-- name: learn
-- All distinct expressions and zones, for a process that knows none yet.
-- Scans: both tables, once in the life of a process.
select {legible[e.expression 513]} as expression, null as timezone, false as zone_is_number
from (
    select distinct i.{integrations.cron_schedule}::text collate "C" as expression
    from {integrations} i
    where i.{integrations.is_enabled} and i.{integrations.cron_schedule} is not null
) e
union all
select null, {legible[o.timezone 512]}, {is_number[o.timezone]}
from (
    select distinct on (z.timezone::text collate "C") z.timezone
    from {organization_rows} z
    where z.timezone is not null
) o;

-- name: due
-- requirement R1, R9
-- The rows that may fire, in one statement with one join:
--   $1 the expressions that fire in the window in some known zone, and those known to be malformed
--   $2 all known expressions, and $3 all known zones as text; both in the order of their bytes, starting with ''
-- It returns the rows whose expression is in $1, those whose expression is not in $2, and those of organizations whose
-- zone is not in $3. A row may be returned twice.
-- Plan: new texts are found in the gaps between two neighbouring known texts. Each gap takes one descent of the index
-- and reads no rows. If an index is missing (`indexed`), a scan does both; one-time filters leave out the branches that
-- are not needed. The subqueries are evaluated once, into arrays, and `= any(array)` then uses the index (joining the
-- expressions as a table would hash-join all rows). A scan searches an array that is not a constant from end to end for
-- each row: for that reason the scan has two conditions, and organizations are found with `in` and a subquery.
-- `::int = 1` stops the planner from estimating how many rows the thousands of $2 leave, which takes longer than the
-- statement.
-- The indexes contain only what `left` keeps of a text, so they accept a text of any length. A longer text is no valid
-- expression or zone, so it is never known. The planner has no statistics for the expression of a partial index and
-- expects far too many rows; for `octet_length` it expects one row in 200, so it looks organizations up.
-- If no unique index guarantees unique ids, one scan counts the ids that are due.
-- Scans: if an index is missing; otherwise that branch is not executed.
with indexed as materialized (
    select
        exists (
            select from pg_index
            where indexrelid = to_regclass('{schema}.synkron_due_expressions')
                and indrelid = to_regclass('{integrations}')
                and indisvalid
        ) as schedules,
        exists (
            select from pg_index
            where indexrelid = to_regclass('{schema}.synkron_due_timezones')
                and indrelid = to_regclass('{organizations}')
                and indisvalid
        ) as zones
),
elsewhere as materialized (
    select array_agg(new.id) as org_ids
    from (
        select z.{organizations.id} as id
        from
            unnest(
                $3::text[],
                ($3::text[])[2:]
                    || array[(select max(left({zone[m]}::text, 513) collate "C") || ' ' from {organizations} m)]
            ) gap (after, before),
            {organizations} z
        where (select zones from indexed)
            and left({zone[z]}::text, 513) collate "C" > gap.after
            and left({zone[z]}::text, 513) collate "C" < gap.before
        union all
        select z.{organizations.id}
        from {organizations} z
        where not (select zones from indexed)
            and {zone[z]} is not null
            and {zone[z]}::text collate "C" <> all($3::text[])
    ) new
),
due as materialized (
    select {integration_columns[a]}
    from {integrations} a
    where a.{integrations.is_enabled}
        and a.{integrations.cron_schedule} is not null
        and (select schedules from indexed)
        and (octet_length(a.{integrations.cron_schedule}::text) >= 0)::int = 1
        and left(a.{integrations.cron_schedule}::text, 513) collate "C" = any(
            $1::text[] || array(
                select distinct left(n.{integrations.cron_schedule}::text, 513) collate "C"
                from
                    unnest(
                        $2::text[],
                        ($2::text[])[2:] || array[(
                            select max(left(m.{integrations.cron_schedule}::text, 513) collate "C") || ' '
                            from {integrations} m
                            where m.{integrations.is_enabled} and m.{integrations.cron_schedule} is not null
                        )]
                    ) gap (after, before),
                    {integrations} n
                where n.{integrations.is_enabled}
                    and n.{integrations.cron_schedule} is not null
                    and (select schedules from indexed)
                    and left(n.{integrations.cron_schedule}::text, 513) collate "C" > gap.after
                    and left(n.{integrations.cron_schedule}::text, 513) collate "C" < gap.before
            )
        )
    union all
    select {integration_columns[s]}
    from {integrations} s
    where s.{integrations.is_enabled}
        and s.{integrations.cron_schedule} is not null
        and not (select schedules from indexed)
        and (
            s.{integrations.cron_schedule} collate "C" = any($1::text[])
            or (s.{integrations.cron_schedule} collate "C" <> all($2::text[]))::int = 1
        )
    union all
    select {integration_columns[b]}
    from {integrations} b
    where b.{integrations.is_enabled}
        and b.{integrations.cron_schedule} is not null
        and (select org_ids from elsewhere) is not null
        and b.{integrations.org_id} in (select unnest(org_ids) from elsewhere)
)
select
    {row},
    case
        when not {ids_are_unique} and i.id in (
            select d.{integrations.id}
            from {integrations} d
            where d.{integrations.id} in (select id from due)
            group by 1 having count(*) > 1
        ) then 'id twice'
        when not {org_ids_are_unique} and i.org_id in (
            select d.{organizations.id}
            from {organizations} d
            where d.{organizations.id} in (select org_id from due)
            group by 1 having count(*) > 1
        ) then 'organization twice'
    end as doubled
from due i
left join {organization_rows} o on o.id = i.org_id;

-- name: rows
-- The rows of a scope, enabled or not: organization $1, type $2, integration $3, if not null. Ids are compared as text,
-- so any text can be given.
-- Scans: the integrations, once, for a command.
select {row}, {doubled} as doubled
from {rows}
where ($1::text is null or i.org_id::text = $1)
    and ($2::text is null or i.integration_type::text = $2)
    and ($3::text is null or i.id::text = $3)
order by i.org_id, i.id;

-- name: names
-- The names of the organizations, all or those of the ids $1.
-- Scans: the organizations, once, for a command.
select {legible[o.id 200]} as org_id, coalesce({legible[o.name 200]}, '') as name
from {named_organizations} o
where o.id is not null and ($1::text[] is null or o.id::text = any($1::text[]));

-- name: zones
-- The zone of the organization $1, or of that of the integration $2; several if the id is on several rows.
-- Scans: the organizations, and for an integration the integrations, once, for a command.
select distinct {legible[o.timezone 512]} as timezone, {is_number[o.timezone]} as zone_is_number
from {organization_rows} o
where o.id::text = $1 or o.id in (select i.org_id from {integration_rows} i where i.id::text = $2);
