-- Creates the database of a new embedded server, and roles like Supabase's.

-- name: lock
select pg_advisory_lock(hashtext('synkron.embedded'));

-- name: roles
-- Synkron's own role may do everything in its database and nothing to the server. It has bypassrls because it reads the
-- schedules of all organizations, even where row security is on.
do $$
begin
    if to_regrole('anon') is null then
        create role anon nologin;
    end if;
    if to_regrole('authenticated') is null then
        create role authenticated nologin;
    end if;
    if to_regrole('service_role') is null then
        create role service_role nologin bypassrls;
    end if;
    if to_regrole('synkron') is null then
        create role synkron login bypassrls;
    end if;
end
$$;

-- name: database_exists
select exists (select from pg_database where datname = 'synkron');

-- name: database
create database synkron owner synkron;
