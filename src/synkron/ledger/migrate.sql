-- Statements of the migration runner.

-- name: lock
select pg_advisory_lock(hashtext('synkron.migrate'));

-- name: unlock
select pg_advisory_unlock(hashtext('synkron.migrate'));

-- name: prepare
create schema if not exists synkron;
create table if not exists synkron.migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
);

-- name: may
-- Whether the role may make the schema, or owns the one that is there; and whether there is an installation to name.
select
    case
        when to_regnamespace('synkron') is null then has_database_privilege(current_database(), 'create')
        else (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'synkron')
    end as migrate,
    to_regclass('synkron.installations') is not null as is_installed;

-- name: exists
select to_regclass('synkron.migrations') is not null;

-- name: known
select name, checksum from synkron.migrations order by name;

-- name: record
insert into synkron.migrations (name, checksum) values ($1, $2);

-- name: grant_to
select set_config('synkron.grant_to', $1, false);

-- name: grant
-- Explicit, because neither BYPASSRLS nor Supabase's defaults replace a grant. No other role gets any rights.
do $$
declare
    role name;
    one record;
begin
    revoke all on schema synkron from public;
    for role in
        select rolname from pg_roles
        where rolname in ('service_role', current_setting('synkron.grant_to'))
    loop
        execute format('grant usage on schema synkron to %I', role);
        for one in
            select kind, object, string_agg(privilege, ', ') as privileges
            from {rights['synkron'::regnamespace]} found
            group by kind, object
        loop
            -- An owner who migrates keeps its own rights.
            if one.kind = 'table' and role <> current_user then
                execute format('revoke insert, update, delete on %s from %I', one.object, role);
            end if;
            execute format('grant %s on %s %s to %I', one.privileges, one.kind, one.object, role);
        end loop;
    end loop;
end $$;
