-- The mirror: the application's two tables as they were last read through its Data API.

-- name: one_reader
-- Only one process at a time reads the whole: an older read must not be written over a newer one.
select pg_advisory_xact_lock(hashtext('synkron.mirror.read'));

-- name: one_writer
-- Two writers together could both insert a row. The lock is held for the writing only, not while the Data API is read.
-- A time without a zone is in UTC, as through the Data API everywhere.
select pg_advisory_xact_lock(hashtext('synkron.mirror.write')), set_config('timezone', 'UTC', true);

-- name: integrations_of
-- The integrations of the runs $1, each once. Plan: looks the runs up by their ids.
select distinct integration_id as id from synkron.runs where id = any($1::bigint[]);

-- name: integrations
-- Makes the mirror's integrations, all or those of the ids $7, equal to the rows that are given as columns $1 to $6. A row
-- that is as it was is not written again. Times are given as text, so that the database understands what Python can't.
-- Plan: both halves join on the id by hash, and compare the rest.
with given as (
    select id, org_id, integration_type, is_enabled, cron_schedule, updated_at::timestamptz
    from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[])
        one (id, org_id, integration_type, is_enabled, cron_schedule, updated_at)
),
gone as (
    delete from synkron.mirrored_integrations m
    where ($7::text[] is null or m.id = any($7::text[]))
        and not exists (
            select from given g
            where coalesce(g.id, '') = coalesce(m.id, '')
                and (g.org_id, g.integration_type, g.is_enabled, g.cron_schedule, g.updated_at)
                    is not distinct from (m.org_id, m.integration_type, m.is_enabled, m.cron_schedule, m.updated_at)
        )
)
insert into synkron.mirrored_integrations (id, org_id, integration_type, is_enabled, cron_schedule, updated_at)
select g.* from given g
where not exists (
    select from synkron.mirrored_integrations m
    where coalesce(g.id, '') = coalesce(m.id, '')
        and (g.org_id, g.integration_type, g.is_enabled, g.cron_schedule, g.updated_at)
            is not distinct from (m.org_id, m.integration_type, m.is_enabled, m.cron_schedule, m.updated_at)
);

-- name: organizations
-- The same for the organizations: columns $1 to $3, all or those of the ids $4.
with given as (
    select id, name, timezone from unnest($1::text[], $2::text[], $3::text[]) one (id, name, timezone)
),
gone as (
    delete from synkron.mirrored_organizations m
    where ($4::text[] is null or m.id = any($4::text[]))
        and not exists (
            select from given g
            where coalesce(g.id, '') = coalesce(m.id, '')
                and (g.name, g.timezone) is not distinct from (m.name, m.timezone)
        )
)
insert into synkron.mirrored_organizations (id, name, timezone)
select g.* from given g
where not exists (
    select from synkron.mirrored_organizations m
    where coalesce(g.id, '') = coalesce(m.id, '')
        and (g.name, g.timezone) is not distinct from (m.name, m.timezone)
);
