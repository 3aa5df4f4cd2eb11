-- The order of the overview: which rows of the copy (0012_overview.sql) are on a page. Each statement continues after a
-- cursor, so a page deep in a list costs what the first one does. A place in the order is
-- (number, rank, key, integration_id, place), the same in every statement, with what a sort does not need left constant.
-- The parameters: $1 to $6 as in overview_matches, $7 to $11 the cursor, $12 how many rows are walked, $13 how many of
-- them are wanted. A walk follows its index and breaks off: plans begin at the cursor and read no more than $12 rows.
-- `offset 0` keeps the planner from joining all rows for a condition that it takes to fit nearly none.

-- name: words
-- The words of a text as a query: each is the beginning of a word of the row, or the whole text is that of an id. Null if
-- it has none.
select concat_ws(
    ' | ',
    nullif((select string_agg(quote_literal(word) || ':*', ' & ') from unnest(synkron.words($1)) word), ''),
    '''' || replace(replace(nullif(lower(trim($1)), ''), '\', '\\'), '''', '''''') || ''':*'
);

-- name: by_organization
-- Plan: the index overview_by_organization.
select walked.number, walked.rank, walked.key, walked.integration_id, walked.place
from (
    select o.*, 0::float8 as number, 0::bigint as rank, o.organization_key as key
    from synkron.overview_integrations o
    where (o.organization_key, o.integration_id, o.place) > ($9, $10, $11)
    order by o.organization_key, o.integration_id, o.place
    limit $12
) walked
join synkron.overview_runs r on r.integration_id = walked.integration_id
where {overview_matches[walked]} and {overview_after[walked]}
order by number, rank, key, integration_id, place
limit $13;

-- name: by_type
-- Plan: the index overview_by_type.
select walked.number, walked.rank, walked.key, walked.integration_id, walked.place
from (
    select o.*, 0::float8 as number, 0::bigint as rank, o.type_key as key
    from synkron.overview_integrations o
    where (o.type_key, o.integration_id, o.place) > ($9, $10, $11)
    order by o.type_key, o.integration_id, o.place
    limit $12
) walked
join synkron.overview_runs r on r.integration_id = walked.integration_id
where {overview_matches[walked]} and {overview_after[walked]}
order by number, rank, key, integration_id, place
limit $13;

-- name: by_next_fire
-- The rows with a schedule, those that fire next first. Plan: the index overview_schedules_next, and for each schedule the
-- index overview_by_schedule, from the cursor on if the cursor is in this schedule.
select walked.number, walked.rank, walked.key, walked.integration_id, walked.place
from (
    select o.*, s.next_key as number, s.id as rank, '' collate "C" as key
    from (
        select id, next_key from synkron.overview_schedules
        where (next_key, id) >= ($7, $8)
        order by next_key, id
    ) s
    cross join lateral (
        select * from synkron.overview_integrations one
        where one.schedule_id = s.id
            and (one.integration_id, one.place) > (
                case when (s.next_key, s.id) = ($7, $8) then $10 else '' end,
                case when (s.next_key, s.id) = ($7, $8) then $11 else -1 end
            )
        order by one.integration_id, one.place
        limit $12
    ) o
    limit $12
) walked
join synkron.overview_runs r on r.integration_id = walked.integration_id
where {overview_matches[walked]} and {overview_after[walked]}
order by number, rank, key, integration_id, place
limit $13;

-- name: without_next_fire
-- The rows that are not to run, or can't. Plan: the index overview_without_schedule.
select walked.number, walked.rank, walked.key, walked.integration_id, walked.place
from (
    select o.*, 'infinity'::float8 as number, 9223372036854775807 as rank, '' collate "C" as key
    from synkron.overview_integrations o
    where o.schedule_id is null
        and (o.integration_id, o.place) > (
            case when $8 = 9223372036854775807 then $10 else '' end,
            case when $8 = 9223372036854775807 then $11 else -1 end
        )
    order by o.integration_id, o.place
    limit $12
) walked
join synkron.overview_runs r on r.integration_id = walked.integration_id
where {overview_matches[walked]} and {overview_after[walked]}
order by number, rank, key, integration_id, place
limit $13;

-- name: by_last_run
-- Plan: the index overview_runs_last, and the rows by their ids.
select r.number, r.rank, r.key, o.integration_id, o.place
from (
    select *, last_key as number, 0::bigint as rank, '' collate "C" as key
    from synkron.overview_runs
    where (last_key, integration_id) >= ($7, $10)
    order by last_key, integration_id
    limit $12
) r
{overview_rows_of[r]};

-- name: by_drift
-- Plan: the index overview_runs_drift, and the rows by their ids.
select r.number, r.rank, r.key, o.integration_id, o.place
from (
    select *, drift_key as number, 0::bigint as rank, '' collate "C" as key
    from synkron.overview_runs
    where (drift_key, integration_id) >= ($7, $10)
    order by drift_key, integration_id
    limit $12
) r
{overview_rows_of[r]};

-- name: failing
-- The rows that fail, since the shortest time first. Plan: the index overview_runs_failing, and the rows by their ids.
select r.number, r.rank, r.key, o.integration_id, o.place
from (
    select *, failing_key as number, 0::bigint as rank, '' collate "C" as key
    from synkron.overview_runs
    where failing_key < 'infinity' and (failing_key, integration_id) >= ($7, $10)
    order by failing_key, integration_id
    limit $12
) r
{overview_rows_of[r]};

-- name: not_failing
-- The rows that do not fail, by organization. Plan: the index overview_by_organization, and the figures of each row.
select walked.number, walked.rank, walked.key, walked.integration_id, walked.place
from (
    select o.*, 'infinity'::float8 as number, 0::bigint as rank, o.organization_key as key, r.failing_key
    from synkron.overview_integrations o
    join synkron.overview_runs r on r.integration_id = o.integration_id
    where (o.organization_key, o.integration_id, o.place) > ($9, $10, $11) and r.failing_key = 'infinity'
    order by o.organization_key, o.integration_id, o.place
    limit $12
) walked
cross join lateral (select walked.failing_key) r
where {overview_matches[walked]} and {overview_after[walked]}
order by number, rank, key, integration_id, place
limit $13;

-- name: found
-- The rows that are asked for, in the order $12, where a walk has not found enough of them: they are few. Plan: one branch
-- of the candidates is executed, by its index; the others have one-time filters. They are an array, because the planner
-- expects a paused type to have many rows, though no type is paused, and would read all rows for a join.
with candidate as (
    select $3::text as integration_id where $3 is not null
    union
    select integration_id from synkron.overview_integrations where $3 is null and org_id = $1
    union
    select integration_id from synkron.running where num_nonnulls($1, $3) = 0 and $5 = 'running'
    union
    select integration_id from synkron.held where num_nonnulls($1, $3) = 0 and $5 = 'held'
    union
    select integration_id from synkron.overview_runs
    where num_nonnulls($1, $3) = 0 and $5 = 'failing' and failing_key < 'infinity'
    union
    select integration_id from synkron.overview_integrations
    where num_nonnulls($1, $3) = 0 and $5 = 'disabled' and schedule_id is null
    union
    select integration_id from synkron.overview_integrations
    where num_nonnulls($1, $3) = 0 and $5 = 'invalid' and is_unfit
    union
    select o.integration_id
    from synkron.overview_schedules s
    join synkron.overview_integrations o on o.schedule_id = s.id
    where num_nonnulls($1, $3) = 0 and $5 = 'invalid' and s.next_key = 'infinity' and not s.is_valid
    union
    select integration_id from synkron.pauses
    where num_nonnulls($1, $3) = 0 and $5 = 'paused' and integration_id is not null and {in_effect[$6]}
    union
    select o.integration_id
    from synkron.pauses
    join synkron.overview_integrations o on o.org_id = pauses.org_id
    where num_nonnulls($1, $3) = 0 and $5 = 'paused' and {in_effect[$6]}
    union
    select o.integration_id
    from synkron.pauses
    join synkron.overview_integrations o
        on o.type_key >= pauses.integration_type || chr(1) and o.type_key < pauses.integration_type || chr(2)
    where num_nonnulls($1, $3) = 0 and $5 = 'paused' and pauses.org_id is null and {in_effect[$6]}
    union
    select integration_id from synkron.overview_integrations
    where num_nonnulls($1, $3, $5) = 0 and words @@ $4::tsquery
    union
    select integration_id from synkron.overview_integrations
    where num_nonnulls($1, $3, $4, $5) = 0 and type_key >= $2 || chr(1) and type_key < $2 || chr(2)
),
placed as (
    select
        o.*,
        case $12::text
            when 'next_fire' then coalesce(s.next_key, 'infinity')
            when 'last_run' then r.last_key
            when 'drift' then r.drift_key
            when 'failing' then r.failing_key
            else 0
        end as number,
        case $12 when 'next_fire' then coalesce(o.schedule_id, 9223372036854775807) else 0 end as rank,
        case
            when $12 = 'type' then o.type_key
            when $12 = 'organization' or $12 = 'failing' and r.failing_key = 'infinity' then o.organization_key
            else ''
        end collate "C" as key
    from synkron.overview_integrations o
    join synkron.overview_runs r on r.integration_id = o.integration_id
    left join synkron.overview_schedules s on s.id = o.schedule_id
    where o.integration_id = any(array(select integration_id from candidate)) and {overview_matches[o]}
)
select number, rank, key, integration_id, place
from placed
where {overview_after[placed]}
order by number, rank, key, integration_id, place
limit $13;
