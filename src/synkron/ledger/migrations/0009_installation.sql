-- Who this ledger is, and where it stands: keys derive from its id, and a copy of it fires nothing. Everything is added:
-- the previous release's processes run beside this one's, and go on making keys of the former kind.

-- Where the ledger stands. The server's identifier is null where this role may not ask for it. The table tells a schema
-- that was dropped and restored in its own database from the one that it replaces.
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

-- The ledger's id with its name, if it has one, and where it stood when that was noted last. The row without an end is
-- the one that counts; the others are those of the ledgers that this one was copied from: older keys derive from them.
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
    -- The transaction that wrote this row: a row that was restored was written by another.
    noted_by xid not null default pg_current_xact_id()::xid,
    noted_at timestamptz not null default now(),
    -- It was restored from a dump: moments up to here are caught up one by one.
    restored_until timestamptz,
    -- It is a copy: the moments up to here are those of the installation that it was copied from.
    copied_at timestamptz
);
create unique index installations_one_counts on synkron.installations ((until is null)) where until is null;
alter table synkron.installations enable row level security;

-- Whether the ledger is where it was: in the same database of the same server. A server that was upgraded in place has
-- a new identifier, and keeps the numbers of databases, tables and transactions (pg_upgrade does); a restored dump gets
-- new ones. A promoted standby keeps all.
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
