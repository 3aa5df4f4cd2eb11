-- The statements of operations: scopes, pauses, overrides, and the audit.

-- name: alone
-- Operations run one after the other, and never during a tick. The lock is on the table, as there is no row before the
-- first tick; it waits for the insert of a tick.
set local lock_timeout = '30s';
lock table synkron.watermark in share row exclusive mode;

-- name: by_id
-- The rows with the ids $1, which come from the ledger and so can be cast to the column's type, ID_TYPE: the index of
-- the primary key is used.
-- Scans: only if no index proves that ids are unique; otherwise a one-time filter skips it.
select
    {row},
    {doubled} as doubled
from {rows}
where i.id = any($1::text[]::ID_TYPE[]);

-- name: unfinished
-- How many runs of a scope (organization $1, type $2, integration $3) are running, and how many are waiting.
select count(*) filter (where state = 'running') as running, count(*) filter (where state = 'claimed') as claimed
from synkron.runs
where finished_at is null
    and ($1::text is null or org_id = $1)
    and ($2::text is null or integration_type = $2)
    and ($3::text is null or integration_id = $3);

-- name: add_pause
insert into synkron.pauses (org_id, integration_type, integration_id, reason, author, until)
values ($1, $2, $3, $4, $5, $6)
returning id;

-- name: end_pause
update synkron.pauses set ended_at = now(), ended_by = $2 where id = $1;

-- name: pauses
-- The active pauses, or with $1 all, the newest first. `state` is active, over (it expired) or ended (by hand).
select id, org_id, integration_type, integration_id, reason, author, starts_at, until, ended_at, ended_by,
    case
        when ended_at is not null then 'ended'
        when until <= now() then 'over'
        else 'active'
    end as state
from synkron.pauses
where $1 or {not_over[now()]}
order by id desc;

-- name: overrides
select integration_id, {overrides[overrides]}
from synkron.overrides
where $1::text is null or integration_id = $1
order by integration_id;

-- name: set_override
insert into synkron.overrides (
    integration_id, catch_up, catch_up_window, overlap, spread, attempts, backoff, timeout, completion_timeout
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: delete_override
delete from synkron.overrides where integration_id = $1;

-- name: record
-- One row for each change, in the same transaction.
insert into synkron.audit (author, action, subject, before, after)
values ($1, $2, $3, $4::text::jsonb, $5::text::jsonb)
returning id;

-- name: audit
-- The changes from $1 on by the author $2, if not null, the newest first. A page begins after that of $4, number $5.
select id, at, author, action, subject, before::text, after::text
from synkron.audit
where ($1::timestamptz is null or at >= $1) and ($2::text is null or author = $2)
    and ($4::timestamptz is null or (at, id) < ($4, $5::bigint))
order by at desc, id desc
limit $3;
