-- The ledger's identity, and its place.

-- name: read
-- The current installation, its noted place and its place now, whether this is its home, and whether the note is right.
select
    noted.id, noted.name, noted.restored_until, noted.copied_at,
    synkron.is_at_home() as is_at_home,
    noted.noted_by = noted.xmin
        and (noted.system_identifier, noted.server_version, noted.database_oid, noted.database_name, noted.table_oid)
            is not distinct from
            (here.system_identifier, here.server_version, here.database_oid, here.database_name, here.table_oid)
        as is_noted,
    noted.system_identifier as noted_system_identifier,
    noted.database_oid as noted_database_oid,
    noted.database_name as noted_database_name,
    here.system_identifier, here.database_oid, here.database_name
from synkron.installations noted
cross join synkron.place() here
where noted.until is null;

-- name: note
-- Notes the place where the ledger is now.
update synkron.installations set
    system_identifier = here.system_identifier,
    server_version = here.server_version,
    database_oid = here.database_oid,
    database_name = here.database_name,
    table_oid = here.table_oid,
    noted_by = pg_current_xact_id()::xid,
    noted_at = now()
from synkron.place() here
where until is null;

-- name: name
update synkron.installations set name = $1 where until is null;

-- name: ids
-- The ids from which keys derive: the current one and those before it, the newest first.
select id from synkron.installations order by until desc nulls first;

-- name: restored
-- The moments missed up to now are caught up one by one. $1 is the new name, null to keep the present one.
update synkron.installations set restored_until = now(), name = coalesce($1, name) where until is null;

-- name: forget_sight
-- Snapshots of ticks on another server prove nothing here (`synkron verify`): its transactions had other numbers.
-- Scans: all ticks, once, when a restored ledger is adopted.
update synkron.ticks set snapshot = null
where snapshot is not null
    and (select system_identifier from synkron.installations where until is null)
        is distinct from (select system_identifier from synkron.place());

-- name: end
update synkron.installations set until = now() where until is null;

-- name: begin
-- A new installation with the name $1 (or none), in the place where the ledger is now.
insert into synkron.installations (
    name, system_identifier, server_version, database_oid, database_name, table_oid, copied_at
)
select $1, system_identifier, server_version, database_oid, database_name, table_oid, now()
from synkron.place()
returning id;

-- name: close_runs
-- The unfinished runs are delivered by the ledger that this one was copied from.
-- Scans: the attempts, if many runs have not finished, once, when a copy is adopted.
with closed as (
    update synkron.runs set
        state = 'skipped', finished_at = clock_timestamp(), completes_by = null,
        reason = 'not this ledger''s: it was adopted as a copy, and the one that it was copied from delivers it'
    where finished_at is null
    returning id, scheduled_for
)
update synkron.attempts set
    finished_at = clock_timestamp(), outcome = 'cancelled', error = 'the ledger was adopted as a copy'
from closed
where attempts.run_id = closed.id and attempts.scheduled_for = closed.scheduled_for and attempts.finished_at is null;

-- name: empty_queue
-- Deletes the other ledger's jobs, starts, processes and plans, which have its keys.
-- Scans: all of them, once, when a copy is adopted.
with seats as (delete from synkron.running),
    starts as (delete from synkron.pace),
    plans as (delete from synkron.plans),
    planned as (update synkron.second_clock set planned_until = null),
    processes as (delete from synkron.nodes where seen_at < now() - interval '1 minute')
delete from synkron.queue;

-- name: let_go
-- The moments of held rows are undecided only from now on.
-- Scans: all held rows, once, when a copy is adopted.
update synkron.held set since = greatest(since, now());

-- name: move_watermark
-- Moments up to now belong to the other ledger. A ledger that never ticked begins now.
insert into synkron.watermark (at) values (now())
on conflict (one) do update set at = greatest(watermark.at, excluded.at);

-- name: close_incidents
-- Closes the incidents without announcing it: the other ledger announces them and their end.
with closed as (
    update synkron.incidents set closed_at = greatest(opened_at, now()) where closed_at is null
)
update synkron.announcements set given_up_at = now(), error = 'the ledger was adopted as a copy'
where sent_at is null and given_up_at is null;
