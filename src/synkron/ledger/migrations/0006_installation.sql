-- Which ledger this is, and where it is: idempotency keys derive from its id, and a copy of the ledger fires nothing.

-- Where the ledger is now. The server's identifier is null where this role may not ask for it. The table's oid shows
-- that the schema was dropped and restored in its own database.
create function synkron.place() returns table (
    system_identifier bigint, server_version integer, database_oid oid, database_name text, table_oid oid
) language plpgsql stable as $$
begin
    select oid, datname into database_oid, database_name from pg_database where datname = current_database();
    server_version := current_setting('server_version_num')::integer / 10000;
    table_oid := to_regclass('synkron.installations');
    begin
        select control.system_identifier into system_identifier from pg_control_system() control;
    exception when insufficient_privilege then
        null;
    end;
    return next;
end $$;

-- The ledger's id, its name if it has one, and where it was when that was noted last. The row without an end
-- (`until`) is the one that counts. The others are those of the ledgers that this one was copied from: older keys
-- derive from them.
create table synkron.installations (
    id uuid primary key default gen_random_uuid(),
    name text check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    since timestamptz not null default now(),
    until timestamptz,
    system_identifier bigint,
    server_version integer not null,
    database_oid oid not null,
    database_name text not null,
    table_oid oid not null,
    -- The transaction that wrote this row. A restored row was written by another one.
    noted_by xid not null default pg_current_xact_id()::xid,
    noted_at timestamptz not null default now(),
    -- The ledger was restored from a dump: moments up to here are caught up one by one.
    restored_until timestamptz,
    -- The ledger is a copy: moments up to here belong to the installation that it was copied from.
    copied_at timestamptz
);
create unique index installations_one_counts on synkron.installations ((until is null)) where until is null;
alter table synkron.installations enable row level security;

-- Whether the ledger is where it was: in the same database of the same server. A server that was upgraded in place
-- (pg_upgrade) has a new identifier, and keeps the numbers of databases, tables and transactions. A restored dump
-- gets new ones. A promoted standby keeps all of them.
create function synkron.is_at_home() returns boolean language sql stable as $$
    select coalesce((
        select noted.database_oid = here.database_oid
            and noted.table_oid = here.table_oid
            and (
                noted.system_identifier = here.system_identifier
                or noted.noted_by = noted.xmin
                    and (
                        noted.server_version < here.server_version
                        or noted.system_identifier is null
                        or here.system_identifier is null
                    )
            )
        from synkron.installations noted
        cross join synkron.place() here
        where noted.until is null
    ), false)
$$;

insert into synkron.installations (system_identifier, server_version, database_oid, database_name, table_oid)
select system_identifier, server_version, database_oid, database_name, table_oid from synkron.place();
