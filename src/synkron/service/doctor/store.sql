-- The facts that the doctor's checks are about. All are read, and nothing is changed.

-- name: server
-- The server, this session and its role.
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::integer as version_number,
    current_database()::text as database,
    host(inet_server_addr()) as host,
    inet_server_port() as port,
    rolname::text as role,
    rolsuper as is_superuser,
    rolbypassrls as bypasses_row_security
from pg_roles
where rolname = current_user;

-- name: pg_net
select extversion from pg_extension where extname = 'pg_net';

-- name: refusal
-- Why this session may not read the two tables (`refusal` in source/row.sql); null if it may.
select {refusal};

-- name: row_security
-- Those of the two tables to which row security applies for this role, and their policies for reading.
select
    format('%I.%I', nspname, relname) as name,
    coalesce(array_agg(polname::text order by polname) filter (where polname is not null), '{{}}') as policies,
    coalesce(bool_or(not polpermissive), false) as is_restricted
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
left join pg_policy on polrelid = pg_class.oid and polcmd in ('r', '*')
where pg_class.oid in ('{organizations}'::regclass, '{integrations}'::regclass) and row_security_active(pg_class.oid)
group by 1
order by 1;

-- name: indexes
-- The indexes of the due read, and whether each is there and valid. Where the column of the zones, $1, does not exist (its
-- name is empty then) or has a type that `migrate --with-index` can't index as text, there is none for it.
select wanted.name, coalesce(pg_index.indisvalid, false) as is_usable
from (
    values
        ('synkron_due_expressions', '{integrations}', null),
        ('synkron_due_timezones', '{organizations}', $1::text)
) wanted (name, on_table, zone)
left join pg_index
    on pg_index.indexrelid = to_regclass('{schema}.' || wanted.name)
    and pg_index.indrelid = to_regclass(wanted.on_table)
where wanted.zone is null
    or exists (
        select from pg_attribute
        join pg_type on pg_type.oid = atttypid
        where attrelid = to_regclass(wanted.on_table) and attname = wanted.zone and typcategory in ('S', 'N')
    );

-- name: ledger_grants
-- Whether the schema synkron exists and may be used, and what this role lacks of the rights in it.
select
    schema.oid is not null as exists,
    coalesce(has_schema_privilege(schema.oid, 'usage'), false) as may_use,
    array(
        select privilege || ' on ' || name
        from {rights[schema.oid]} found
        where not case kind
            when 'table' then has_table_privilege(oid, privilege)
            when 'sequence' then has_sequence_privilege(oid, privilege)
            else has_function_privilege(oid, privilege)
        end
        order by 1
    ) as lacking
from (select 'synkron' as name) wanted
left join pg_namespace schema on schema.nspname = wanted.name;

-- name: watermark
select clock_timestamp() as now, (select at from synkron.watermark) as watermark;

-- name: jobs
-- Scans: all jobs, once, for a command.
select
    entrypoint::text as integration_type,
    count(*) filter (where status = 'queued' and execute_after <= now()) as waiting,
    min(execute_after) filter (where status = 'queued' and execute_after <= now()) as since,
    count(*) filter (where status = 'picked') as under_way
from synkron.queue
group by 1
order by 1;

-- name: longest_window
-- The longest catch-up window of an override.
-- Scans: all overrides, once, for a command.
select max(catch_up_window) from synkron.overrides;

-- name: called
-- The types whose target was called since $1, wherever it is set. There is a row for each type.
select integration_type from synkron.warmth where met_at >= $1;
