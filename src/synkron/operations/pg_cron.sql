-- pg_cron as a second clock: its job, the function that it calls, and how it does.

-- name: available
-- Whether pg_cron can be installed in this database, and its version if it is. Then also whether this role may read its
-- jobs, of which it sees only its own if row security applies to it.
-- Only some roles may read in which database pg_cron works; for others, nothing is known against this one.
select
    exists (select from pg_available_extensions where name = 'pg_cron') as is_available,
    (select extversion from pg_extension where extname = 'pg_cron') as version,
    case
        when pg_has_role('pg_read_all_settings', 'usage') then current_setting('cron.database_name', true)
        else current_database()
    end as its_database,
    current_database() as this_database,
    coalesce(job.may_read, false) as reads_jobs,
    coalesce(job.may_read and not row_security_active(job.oid), false) as sees_all_jobs
from (select) nothing
left join lateral (
    select job.oid, has_schema_privilege(nspname, 'usage') and has_table_privilege(job.oid, 'select') as may_read
    from pg_class job
    join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = 'cron' and relname = 'job'
) job on true;

-- name: create
create extension if not exists pg_cron;

-- name: clock
select wakes, calls, claims, ahead, installed_at, planned_until, schedulers_rest_until from synkron.second_clock;

-- name: set
-- What is not given stays as it was installed before.
insert into synkron.second_clock (wakes, calls, claims, ahead)
values ($1, $2, $3, coalesce($4, interval '15 minutes'))
on conflict (one) do update set
    wakes = second_clock.wakes or excluded.wakes,
    calls = coalesce(excluded.calls, second_clock.calls),
    claims = second_clock.claims or excluded.claims,
    ahead = coalesce($4, second_clock.ahead),
    planned_until = null;

-- name: unset
delete from synkron.second_clock;

-- name: forget_plans
delete from synkron.plans;

-- name: wake_procedure
-- Wakes the schedulers two seconds after each half minute: those that have ticked by then wait on.
create or replace procedure synkron.wake() language plpgsql as $$
declare
    minute timestamptz := date_trunc('minute', clock_timestamp());
begin
    for half in 0 .. 1 loop
        perform pg_sleep(extract(epoch from minute + half * interval '30 seconds' + interval '2 seconds' - clock_timestamp()));
        notify synkron_wake;
        commit;
    end loop;
end $$;

-- name: can_call
-- Whether pg_net is there, in which schema the function hmac is, and whether the vault has the secret.
select
    to_regproc('net.http_post') is not null as has_pg_net,
    (
        select quote_ident(nspname) from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
        where proname = 'hmac' and proargtypes = '17 17 25'::oidvector limit 1
    ) as hmac_schema,
    to_regclass('vault.decrypted_secrets') is not null as has_vault;

-- name: call_procedure
-- Asks the API for a tick at each half minute: the one before a minute claims its runs, and warms their targets up. The
-- request is signed as Standard Webhooks say; CRYPTO is the schema of pgcrypto. pg_net sends it after the commit, and
-- keeps no promise; the answer is not looked at.
create or replace function synkron.ask_for_tick() returns void language plpgsql as $$
declare
    secret bytea;
    moment text := extract(epoch from clock_timestamp())::bigint::text;
begin
    select decode(substr(decrypted_secret, 7), 'base64') into strict secret
    from vault.decrypted_secrets where name = 'synkron_tick';
    perform net.http_post(
        url := (select calls from synkron.second_clock),
        body := '{{}}'::jsonb,
        headers := jsonb_build_object(
            'Content-Type', 'application/json',
            'webhook-id', 'tick-' || moment,
            'webhook-timestamp', moment,
            'webhook-signature', 'v1,' || encode(
                CRYPTO.hmac(convert_to('tick-' || moment || '.' || moment || '.{{}}', 'UTF8'), secret, 'sha256'), 'base64'
            )
        ),
        timeout_milliseconds := 10000
    );
end $$;
create or replace procedure synkron.call() language plpgsql as $$
declare
    minute timestamptz := date_trunc('minute', clock_timestamp());
begin
    for half in 0 .. 1 loop
        perform pg_sleep(extract(epoch from minute + half * interval '30 seconds' - clock_timestamp()));
        perform synkron.ask_for_tick();
        commit;
    end loop;
end $$;

-- name: claim_function
-- requirement R17.6
-- Claims what is planned for the time from half a minute ago to a minute and a half ahead, if no scheduler has decided
-- this minute: they do so half a minute before it begins. It decides only what is plain: the row is as it was planned, nothing holds it, and its last decided
-- period ended where the plan's begins. All else is left to the next tick of a scheduler. So is the watermark.
-- The moments are taken one after the other, because each period begins where the one before ended.
create or replace function synkron.claim_planned() returns integer
    language plpgsql set timezone = 'UTC' set jit = off set search_path = pg_catalog, pg_temp as $$
declare
    decided_until timestamptz;
    moment timestamptz;
    tick bigint;
    total integer := 0;
    added integer;
begin
    if not synkron.is_at_home() or not exists (select from synkron.second_clock where claims) then
        return 0;
    end if;
    select at into decided_until from synkron.watermark for update;
    if decided_until >= date_trunc('minute', clock_timestamp()) then
        return 0;
    end if;
    perform synkron.keep_partitions(now(), now() + interval '1 day', '-infinity');
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    values (
        now(), now() - interval '30 seconds 1 microsecond', now() + interval '90 seconds', 'pg_cron', 'pg_cron', 0, 0, 0, 0
    )
    returning id into tick;
    for moment in
        select distinct scheduled_for from synkron.plans
        where scheduled_for > now() - interval '30 seconds' and scheduled_for <= now() + interval '90 seconds'
        order by scheduled_for
    loop
        with plain as (
            select p.*
            from synkron.plans p
            where p.scheduled_for = moment
                and (
                    select count(*) = 1 and bool_and(
                        i.is_enabled
                        and o.id is not null
                        and i.org_id::text = p.org_id
                        and i.integration_type::text = p.integration_type
                        and i.cron_schedule::text = p.cron_schedule
                        and o.timezone::text is not distinct from p.timezone
                    )
                    from {integration_rows} i
                    left join {organization_rows} o on o.id = i.org_id
                    where i.id = {id[p.integration_id]}
                )
                and coalesce((
                    select max(r.scheduled_for) from synkron.runs r
                    where r.integration_id = p.integration_id
                        and r.scheduled_for < p.scheduled_for
                        and {ends_a_period[r]}
                ), p.period_start) is not distinct from p.period_start
                and synkron.pause_over(p.org_id, p.integration_type, p.integration_id, now()) is null
                and not exists (select from synkron.held h where h.integration_id = p.integration_id)
        ),
        inserted as (
            insert into synkron.runs (
                key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end,
                execute_after, next_attempt_at, action, reason, cron_schedule, timezone, tick_id, state
            )
            select
                key, integration_id, org_id, integration_type, 'schedule', scheduled_for, period_start, scheduled_for,
                execute_after, execute_after, 'run', 'on time; claimed by pg_cron', cron_schedule, timezone, tick,
                'claimed'
            from plain
            on conflict do nothing
            returning id, integration_type, execute_after
        ),
        enqueued as (
            insert into synkron.queue (priority, entrypoint, payload, execute_after, status)
            select 0, integration_type, convert_to(id::text, 'UTF8'), execute_after, 'queued' from inserted
        )
        select count(*) into added from inserted;
        total := total + added;
    end loop;
    update synkron.ticks set due = total, claimed = total where id = tick;
    return total;
end $$;

-- name: drop_routines
drop function if exists synkron.claim_planned();
drop procedure if exists synkron.wake();
drop procedure if exists synkron.call();
drop function if exists synkron.ask_for_tick();

-- name: state
-- Since $1: the last tick of each clock, and what each claimed; and the plans that lie ahead.
select
    max(recorded_at) filter (where source <> 'pg_cron') as scheduler_ticked_at,
    max(recorded_at) filter (where source = 'pg_cron') as pg_cron_ticked_at,
    coalesce(sum(claimed) filter (where source <> 'pg_cron'), 0)::bigint as claimed_by_schedulers,
    coalesce(sum(claimed) filter (where source = 'pg_cron'), 0)::bigint as claimed_by_pg_cron,
    (select count(*) from synkron.plans where scheduled_for > now()) as plans
from synkron.ticks
where at > $1;

-- name: rest
update synkron.second_clock set schedulers_rest_until = clock_timestamp() + $1::interval returning schedulers_rest_until;

-- name: end_rest
update synkron.second_clock set schedulers_rest_until = null;

-- name: drilled
-- The moments of ($1, $2] with their runs: how many pg_cron and the schedulers claimed, how many plans were left, and how
-- late the runs started at p95.
with moments as (
    select scheduled_for, integration_id from synkron.plans where scheduled_for > $1 and scheduled_for <= $2
    union
    select scheduled_for, integration_id from synkron.runs
    where scheduled_for > $1 and scheduled_for <= $2 and source_class = 'schedule'
)
select
    m.scheduled_for,
    count(*) filter (where t.source = 'pg_cron') as claimed_by_pg_cron,
    count(*) filter (where t.source <> 'pg_cron') as claimed_by_schedulers,
    count(*) filter (where r.id is null) as unclaimed,
    percentile_disc(0.95) within group (order by r.start_delay) as p95
from moments m
left join synkron.runs r on r.integration_id = m.integration_id and r.scheduled_for = m.scheduled_for
    and r.source_class = 'schedule'
left join synkron.ticks t on t.id = r.tick_id
group by m.scheduled_for
order by m.scheduled_for;
