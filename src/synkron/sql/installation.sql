-- Who the ledger is, and where it stands.

-- name: read
-- The installation that counts, where it stood and stands, and whether that is its home and noted as it is.
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
-- It stands where it stands now.
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

-- name: ids
-- From which keys derive: the id that counts, and those before it, the newest first.
select id from synkron.installations order by until desc nulls first;
