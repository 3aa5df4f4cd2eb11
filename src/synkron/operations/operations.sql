-- The statements of operations: scopes, pauses, overrides, and the audit.

-- name: alone
-- Operations run one after the other, and never during a tick. The lock is on the table, as there is no row before the
-- first tick; it waits for the insert of a tick.
set local lock_timeout = '30s';
lock table synkron.watermark in share row exclusive mode;

-- name: by_id
-- The rows with the ids $1. Plan: the primary key.
-- Scans: only if no index proves that ids are unique; otherwise a one-time filter skips it.
select
    {row},
    {doubled} as doubled
from {rows}
where i.id = any({ids[$1]});

-- name: last_known
-- The organizations and types of those of the integrations $1 that are on record, as they were last known.
select one.id, last_known.org_id, last_known.integration_type
from unnest($1::text[]) one (id)
cross join lateral {last_known[one.id]} last_known;

-- name: of_scopes
-- The rows of the organizations $1, those of the types $2, or with $3 all, by organization. The subqueries are hashed.
-- Scans: the integrations, once, for a command.
select
    {row},
    {doubled} as doubled
from {rows}
where $3
    or i.org_id::text in (select unnest($1::text[]))
    or i.integration_type::text in (select unnest($2::text[]))
order by i.org_id, i.id;

-- name: unfinished
-- How many runs of the integrations $1, or of a scope of an organization in $2 and a type in $3 (null: any), are running,
-- and how many are waiting.
select count(*) filter (where state = 'running') as running, count(*) filter (where state = 'claimed') as claimed
from synkron.runs
where finished_at is null
    and (
        integration_id = any($1::text[])
        or exists (
            select from unnest($2::text[], $3::text[]) scope (org_id, integration_type)
            where (scope.org_id is null or scope.org_id = runs.org_id)
                and (scope.integration_type is null or scope.integration_type = runs.integration_type)
        )
    );

-- name: add_pauses
-- One for each of the scopes (organization $1, type $2, integration $3), numbered in their order.
insert into synkron.pauses (org_id, integration_type, integration_id, reason, author, until)
select org_id, integration_type, integration_id, $4, $5, $6
from unnest($1::text[], $2::text[], $3::text[]) with ordinality scope (org_id, integration_type, integration_id, place)
order by place
returning id;

-- name: end_pauses
update synkron.pauses set ended_at = now(), ended_by = $2 where id = any($1::bigint[]);

-- name: pauses
-- The active pauses, the newest first. If $1 is true: all pauses. If $2 is not null: only those with these numbers.
-- `state` is active, over (it expired) or ended (by hand).
--
-- $3, $4 and $5 are an organization, a type and an integration; null is any. A pause is listed if it holds something of
-- them. With an integration, its organization and type are given, too. The organization and type of an integration that
-- is paused are in its row, which is found by its primary key, or, if that is gone, as they were last known.
--
-- A page has $8 pauses. It begins after the pause that began at $6 and has the number $7.
select id, org_id, integration_type, integration_id, reason, author, starts_at, until, ended_at, ended_by,
    case
        when ended_at is not null then 'ended'
        when until <= now() then 'over'
        else 'active'
    end as state
from synkron.pauses
where ($1 or {not_over[now()]}) and ($2::bigint[] is null or id = any($2))
    and ($3::text is null or coalesce(org_id, $3) = $3)
    and ($4::text is null or coalesce(integration_type, $4) = $4)
    and case
        when integration_id is null or num_nonnulls($3, $4, $5::text) = 0 then true
        when $5 is not null and integration_id <> $5 then false
        else coalesce(
            (
                select bool_or(coalesce(i.org_id::text = coalesce($3, i.org_id::text)
                    and i.integration_type::text = coalesce($4, i.integration_type::text), false))
                from {integration_rows} i
                where i.id = {id[pauses.integration_id]}
            ),
            (
                select org_id = coalesce($3, org_id) and integration_type = coalesce($4, integration_type)
                from {last_known[pauses.integration_id]} last_known
            ),
            num_nonnulls($3, $4) = 0
        )
    end
    and ($6::timestamptz is null or (starts_at, id) < ($6, $7::bigint))
order by starts_at desc, id desc
limit $8;

-- name: override
select integration_id, {overrides[overrides]}
from synkron.overrides
where integration_id = $1;

-- name: overrides
-- The overrides of the integrations of the organization $1, the type $2 and the id $3, if not null; their rows are found
-- by the primary key, and of one whose row is gone these are as they were last known. A page of $5 begins after the id
-- $4. The order is that of the bytes.
select integration_id, {overrides[overrides]}
from synkron.overrides
where ($3::text is null or integration_id = $3)
    and (num_nonnulls($1::text, $2::text) = 0 or coalesce(
        (
            select bool_or(coalesce(i.org_id::text = coalesce($1, i.org_id::text)
                and i.integration_type::text = coalesce($2, i.integration_type::text), false))
            from {integration_rows} i
            where i.id = {id[overrides.integration_id]}
        ),
        (
            select org_id = coalesce($1, org_id) and integration_type = coalesce($2, integration_type)
            from {last_known[overrides.integration_id]} last_known
        ),
        false
    ))
    and ($4::text is null or integration_id collate "C" > $4)
order by integration_id collate "C"
limit $5;

-- name: set_override
insert into synkron.overrides (
    integration_id, catch_up, catch_up_window, overlap, spread, attempts, backoff, timeout, completion_timeout
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: delete_override
delete from synkron.overrides where integration_id = $1;

-- name: record
-- One row for each of the subjects $3, in the transaction of the change. They are about the organizations $6, the types
-- $7 and the integrations $8.
insert into synkron.audit (author, action, subject, before, after, org_id, integration_type, integration_id)
select $1, $2, subject, before::jsonb, after::jsonb, org_id, integration_type, integration_id
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    with ordinality change (subject, before, after, org_id, integration_type, integration_id, place)
order by place;

-- name: audit
-- The changes from $1 on by the author $2, and about the organization $6, the type $7 or the integration $8, each if not
-- null, the newest first. A page begins after that of $4, number $5. Plan: an index in the order of the page, of what is
-- asked for (audit_of_organization, audit_of_type, audit_of_integration), or else audit_newest.
select id, at, author, action, subject, org_id, integration_type, integration_id, before::text, after::text
from synkron.audit
where ($1::timestamptz is null or at >= $1) and ($2::text is null or author = $2)
    and ($6::text is null or org_id = $6)
    and ($7::text is null or integration_type = $7)
    and ($8::text is null or integration_id = $8)
    and ($4::timestamptz is null or (at, id) < ($4, $5::bigint))
order by at desc, id desc
limit $3;
