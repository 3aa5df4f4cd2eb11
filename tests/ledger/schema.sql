CREATE SCHEMA synkron;
CREATE TYPE synkron.queue_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);
CREATE FUNCTION synkron.id_of(given text, INOUT id anyelement) RETURNS anyelement
    LANGUAGE plpgsql STABLE
    AS $$
begin
    id := given;
    if id::text <> given then
        id := null;
    end if;
exception when data_exception or integrity_constraint_violation then
    null; -- and so is `id`
end $$;
CREATE FUNCTION synkron.is_at_home() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
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
CREATE FUNCTION synkron.keep_partitions(first timestamp with time zone, last timestamp with time zone, keep_after timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    parent text;
    month timestamptz;
    partition text;
    is_needed boolean;
begin
    if keep_after > now() then
        raise exception 'what is not past yet can not be dropped: % lies ahead', keep_after;
    end if;
    foreach parent in array array['runs', 'attempts'] loop
        for month in select generate_series(date_trunc('month', first), last, interval '1 month') loop
            partition := parent || '_' || to_char(month, 'YYYY_MM');
            continue when to_regclass('synkron.' || partition) is not null;
            perform pg_advisory_xact_lock(hashtext('synkron.keep_partitions'));
            -- to_regclass may remember that there was none; a query sees what was made while this one waited.
            continue when exists (
                select from pg_class where relnamespace = 'synkron'::regnamespace and relname = partition
            );
            execute format('create table synkron.%I (like synkron.%I including defaults including constraints '
                'including generated including storage) with (fillfactor = 50)', partition, parent);
            execute format('alter table synkron.%I enable row level security', partition);
            execute format('alter table synkron.%I attach partition synkron.%I for values from (%L) to (%L)',
                parent, partition, month, month + interval '1 month');
        end loop;
        for partition in
            select child.relname
            from pg_inherits
            join pg_class child on child.oid = pg_inherits.inhrelid
            where pg_inherits.inhparent = ('synkron.' || parent)::regclass
              and case when child.relname ~ '_[0-9]{4}_[0-9]{2}$' then
                  to_timestamp(right(child.relname, 7), 'YYYY_MM') + interval '1 month' <= keep_after end
        loop
            -- A run that waits or runs keeps its month. The attempts come last, and go when their runs have gone.
            if parent = 'runs' then
                execute format('select exists (select from synkron.%I where state in (''claimed'', ''running''))', partition)
                    into is_needed;
            else
                is_needed := to_regclass('synkron.runs_' || right(partition, 7)) is not null;
            end if;
            if not is_needed then
                execute format('drop table synkron.%I', partition);
            end if;
        end loop;
    end loop;
end $_$;
CREATE FUNCTION synkron.pause_over(org_id text, integration_type text, integration_id text, moment timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE
    AS $_$
    select pauses.id
    from synkron.pauses
    where pauses.ended_at is null
        and pauses.starts_at <= moment
        and (pauses.until is null or pauses.until > moment)
        and (pauses.org_id is null or pauses.org_id = $1)
        and (pauses.integration_type is null or pauses.integration_type = $2)
        and (pauses.integration_id is null or pauses.integration_id = $3)
    order by pauses.until desc nulls first, pauses.id
    limit 1
$_$;
CREATE FUNCTION synkron.place() RETURNS TABLE(system_identifier bigint, server_version integer, database_oid oid, database_name text, table_oid oid)
    LANGUAGE plpgsql STABLE
    AS $$
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
CREATE FUNCTION synkron.queue_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;
    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'synkron_queue',
            json_build_object(
                'channel', 'synkron_queue',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;
    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;
END;
$$;
CREATE FUNCTION synkron.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '%.% can not be changed like this: %', tg_table_schema, tg_table_name, tg_argv[0]
        using errcode = 'integrity_constraint_violation';
end $$;
CREATE TABLE synkron.queue (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status synkron.queue_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
);
CREATE FUNCTION synkron.take_jobs(most integer, types text[], limits bigint[], taker uuid, patience interval) RETURNS SETOF synkron.queue
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    moment timestamptz;
    room bigint;
begin
    -- The disk is not waited for. Taking is lost in a crash only together with all that came after, and the starts of the
    -- runs wait for the disk.
    set local synchronous_commit = off;
    perform pg_advisory_xact_lock(hashtext('synkron.take_jobs'));
    moment := clock_timestamp();
    for number in 1 .. cardinality(types) loop
        room := most;
        if limits[number] > 0 then
            select limits[number] - count(*) into room
            from synkron.queue
            where entrypoint = types[number] and status = 'picked';
        end if;
        continue when room <= 0;
        return query
            update synkron.queue set status = 'picked', updated = moment, heartbeat = moment, queue_manager_id = taker
            where id = any (array(
                select job.id
                from synkron.queue job
                where job.entrypoint = types[number] and job.status = 'queued' and job.execute_after <= moment
                order by job.execute_after
                limit least(most, room)
                for update skip locked
            ))
            returning *;
    end loop;
    return query
        update synkron.queue set updated = moment, heartbeat = moment, queue_manager_id = taker
        where id = any (array(
            select job.id
            from synkron.queue job
            where job.status = 'picked' and job.heartbeat < moment - patience and job.entrypoint = any (types)
            order by job.heartbeat
            limit most
            for update skip locked
        ))
        returning *;
end $$;
CREATE FUNCTION synkron.watermark_moves_forward() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.at < old.at then
        raise exception 'the watermark never moves back: % is before %', new.at, old.at;
    end if;
    return new;
end $$;
CREATE FUNCTION synkron.words(given text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select array_remove(regexp_split_to_array(lower(given), '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+'), '')
$$;
CREATE TABLE synkron.announcements (
    id bigint NOT NULL,
    incident_id bigint,
    transition text NOT NULL,
    channel text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone,
    given_up_at timestamp with time zone,
    error text,
    report text,
    report_moment timestamp with time zone,
    message jsonb,
    CONSTRAINT announcements_are_of_one_thing CHECK (
CASE
    WHEN (incident_id IS NULL) THEN ((num_nonnulls(report, report_moment, message) = 3) AND (transition = 'reported'::text))
    ELSE ((num_nonnulls(report, report_moment, message) = 0) AND (transition <> 'reported'::text))
END),
    CONSTRAINT announcements_end_once CHECK (((sent_at IS NULL) OR (given_up_at IS NULL))),
    CONSTRAINT announcements_transition_check CHECK ((transition = ANY (ARRAY['opened'::text, 'reminded'::text, 'closed'::text, 'reported'::text])))
);
ALTER TABLE synkron.announcements ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.announcements_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.answers (
    actor text NOT NULL,
    key text NOT NULL,
    request text NOT NULL,
    body_hash bytea NOT NULL,
    status integer,
    body text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT answers_body_hash_check CHECK ((length(body_hash) = 32)),
    CONSTRAINT answers_have_a_status_and_a_body CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT answers_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255))),
    CONSTRAINT answers_status_check CHECK (((status >= 200) AND (status <= 599)))
);
CREATE TABLE synkron.attempts (
    run_id bigint NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    attempt integer NOT NULL,
    worker text NOT NULL,
    enqueued_at timestamp with time zone,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    duration interval,
    outcome text,
    http_status integer,
    error text,
    warmth text,
    warmth_known_by text,
    cold_start_cost interval,
    cold_at timestamp with time zone GENERATED ALWAYS AS (
CASE
    WHEN (warmth = 'cold'::text) THEN finished_at
    ELSE NULL::timestamp with time zone
END) STORED,
    CONSTRAINT attempts_attempt_check CHECK ((attempt >= 1)),
    CONSTRAINT attempts_cold_start_cost_check CHECK ((cold_start_cost >= '00:00:00'::interval)),
    CONSTRAINT attempts_duration_check CHECK ((duration >= '00:00:00'::interval)),
    CONSTRAINT attempts_end_with_an_outcome CHECK (((finished_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT attempts_http_status_check CHECK (((http_status >= 100) AND (http_status <= 599))),
    CONSTRAINT attempts_only_cold_ones_cost CHECK (((cold_start_cost IS NULL) OR (warmth = 'cold'::text))),
    CONSTRAINT attempts_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'retryable'::text, 'final'::text, 'handed_back'::text, 'lost'::text, 'cancelled'::text]))),
    CONSTRAINT attempts_warmth_check CHECK ((warmth = ANY (ARRAY['warm'::text, 'cold'::text]))),
    CONSTRAINT attempts_warmth_is_known_somehow CHECK (((warmth IS NULL) = (warmth_known_by IS NULL))),
    CONSTRAINT attempts_warmth_known_by_check CHECK ((warmth_known_by = ANY (ARRAY['header'::text, 'time'::text])))
)
PARTITION BY RANGE (scheduled_for);
CREATE TABLE synkron.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    author text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb,
    org_id text,
    integration_type text,
    integration_id text
);
ALTER TABLE synkron.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.health (
    endpoint text NOT NULL,
    integration_types text[] NOT NULL,
    verdict text DEFAULT 'unknown'::text NOT NULL,
    reason text DEFAULT 'it was not contacted yet'::text NOT NULL,
    known_by text,
    since timestamp with time zone NOT NULL,
    sampled_at timestamp with time zone,
    probed_at timestamp with time zone,
    next_probe_at timestamp with time zone,
    method text,
    failures integer DEFAULT 0 NOT NULL,
    failed_runs integer DEFAULT 0 NOT NULL,
    failed_org_id text,
    throttles integer DEFAULT 0 NOT NULL,
    passive_until timestamp with time zone,
    CONSTRAINT health_failed_runs_check CHECK ((failed_runs >= 0)),
    CONSTRAINT health_failures_check CHECK ((failures >= 0)),
    CONSTRAINT health_known_by_check CHECK ((known_by = ANY (ARRAY['run'::text, 'probe'::text, 'passive'::text]))),
    CONSTRAINT health_known_somehow CHECK (((verdict = 'unknown'::text) = (known_by IS NULL))),
    CONSTRAINT health_throttles_check CHECK ((throttles >= 0)),
    CONSTRAINT health_verdict_check CHECK ((verdict = ANY (ARRAY['healthy'::text, 'degraded'::text, 'unreachable'::text, 'unauthorized'::text, 'throttled'::text, 'unknown'::text])))
);
CREATE TABLE synkron.health_hours (
    endpoint text NOT NULL,
    hour timestamp with time zone NOT NULL,
    healthy integer DEFAULT 0 NOT NULL,
    degraded integer DEFAULT 0 NOT NULL,
    unreachable integer DEFAULT 0 NOT NULL,
    unauthorized integer DEFAULT 0 NOT NULL,
    throttled integer DEFAULT 0 NOT NULL,
    probes integer DEFAULT 0 NOT NULL
);
CREATE TABLE synkron.held (
    integration_id text NOT NULL,
    since timestamp with time zone NOT NULL,
    reason text DEFAULT 'pause'::text NOT NULL,
    CONSTRAINT held_reason_check CHECK ((reason = ANY (ARRAY['pause'::text, 'type'::text, 'organization'::text])))
);
CREATE TABLE synkron.incidents (
    id bigint NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    org_id text,
    integration_type text,
    endpoint text,
    title text NOT NULL,
    detail text NOT NULL,
    remedy text NOT NULL,
    touches jsonb DEFAULT '{}'::jsonb NOT NULL,
    since timestamp with time zone NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    closed_at timestamp with time zone,
    announced_at timestamp with time zone,
    CONSTRAINT incidents_acknowledged_by_somebody CHECK (((acknowledged_at IS NULL) = (acknowledged_by IS NULL))),
    CONSTRAINT incidents_close_after_they_open CHECK ((closed_at >= opened_at))
);
ALTER TABLE synkron.incidents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.incidents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.installations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text,
    since timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone,
    system_identifier bigint,
    server_version integer NOT NULL,
    database_oid oid NOT NULL,
    database_name text NOT NULL,
    table_oid oid NOT NULL,
    noted_by xid DEFAULT (pg_current_xact_id())::xid NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    restored_until timestamp with time zone,
    copied_at timestamp with time zone,
    CONSTRAINT installations_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'::text))
);
CREATE TABLE synkron.internal_faults (
    node text NOT NULL,
    loop text NOT NULL,
    error text NOT NULL,
    place text NOT NULL,
    times bigint DEFAULT 1 NOT NULL,
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT internal_faults_check CHECK ((last_at >= first_at)),
    CONSTRAINT internal_faults_check1 CHECK (((length(node) <= 300) AND (length(loop) <= 100) AND (length(error) <= 100) AND (length(place) <= 200))),
    CONSTRAINT internal_faults_times_check CHECK ((times > 0))
);
CREATE TABLE synkron.login_attempts (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    name_hash bytea NOT NULL,
    address text NOT NULL,
    CONSTRAINT login_attempts_name_hash_check CHECK ((length(name_hash) = 32))
);
ALTER TABLE synkron.login_attempts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.login_attempts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.login_links (
    secret_hash bytea NOT NULL,
    name text NOT NULL,
    permission text NOT NULL,
    org_id text,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT login_links_name_check CHECK ((name <> ''::text)),
    CONSTRAINT login_links_permission_check CHECK ((permission = ANY (ARRAY['read'::text, 'operate'::text, 'admin'::text]))),
    CONSTRAINT login_links_secret_hash_check CHECK ((length(secret_hash) = 32))
);
CREATE TABLE synkron.migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE synkron.mirrored_integrations (
    id text,
    org_id text,
    integration_type text,
    is_enabled boolean,
    cron_schedule text,
    updated_at timestamp with time zone
);
CREATE TABLE synkron.mirrored_organizations (
    id text,
    name text,
    timezone text
);
CREATE TABLE synkron.nodes (
    name text NOT NULL,
    role text NOT NULL,
    version text NOT NULL,
    tzdata text,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    skew interval NOT NULL,
    address text
);
CREATE TABLE synkron.overrides (
    integration_id text NOT NULL,
    catch_up text,
    catch_up_window interval,
    overlap text,
    spread interval,
    attempts integer,
    backoff interval,
    timeout interval,
    completion_timeout interval,
    CONSTRAINT overrides_attempts_check CHECK (((attempts >= 1) AND (attempts <= 100))),
    CONSTRAINT overrides_backoff_check CHECK ((backoff > '00:00:00'::interval)),
    CONSTRAINT overrides_catch_up_check CHECK ((catch_up = ANY (ARRAY['latest'::text, 'all'::text, 'skip'::text]))),
    CONSTRAINT overrides_catch_up_window_check CHECK ((catch_up_window >= '00:00:00'::interval)),
    CONSTRAINT overrides_completion_timeout_check CHECK ((completion_timeout > '00:00:00'::interval)),
    CONSTRAINT overrides_overlap_check CHECK ((overlap = ANY (ARRAY['queue'::text, 'skip'::text]))),
    CONSTRAINT overrides_set_something CHECK ((num_nonnulls(catch_up, catch_up_window, overlap, spread, attempts, backoff, timeout, completion_timeout) > 0)),
    CONSTRAINT overrides_spread_check CHECK ((spread >= '00:00:00'::interval)),
    CONSTRAINT overrides_timeout_check CHECK ((timeout > '00:00:00'::interval))
);
CREATE TABLE synkron.overview_integrations (
    integration_id text NOT NULL COLLATE pg_catalog."C",
    place integer NOT NULL,
    org_id text NOT NULL COLLATE pg_catalog."C",
    organization text NOT NULL,
    integration_type text NOT NULL COLLATE pg_catalog."C",
    is_enabled boolean NOT NULL,
    cron_schedule text,
    organization_exists boolean NOT NULL,
    timezone text,
    zone_is_number boolean NOT NULL,
    oddity text,
    schedule_id bigint,
    is_live boolean GENERATED ALWAYS AS ((is_enabled AND (cron_schedule IS NOT NULL))) STORED NOT NULL,
    is_unfit boolean GENERATED ALWAYS AS ((is_enabled AND (cron_schedule IS NOT NULL) AND (schedule_id IS NULL))) STORED NOT NULL,
    organization_key text GENERATED ALWAYS AS (((((lower("left"(organization, 100)) || chr(1)) || org_id) || chr(1)) || integration_type)) STORED NOT NULL COLLATE pg_catalog."C",
    type_key text GENERATED ALWAYS AS (((((integration_type || chr(1)) || lower("left"(organization, 100))) || chr(1)) || org_id)) STORED NOT NULL COLLATE pg_catalog."C",
    words tsvector GENERATED ALWAYS AS (array_to_tsvector((synkron.words(((organization || ' '::text) || integration_type)) || array_remove(ARRAY[lower(org_id), lower(integration_id)], ''::text)))) STORED NOT NULL
);
CREATE TABLE synkron.overview_refreshes (
    one boolean DEFAULT true NOT NULL,
    at timestamp with time zone NOT NULL,
    took interval NOT NULL,
    seen_run bigint NOT NULL,
    CONSTRAINT overview_refreshes_one_check CHECK (one)
);
CREATE TABLE synkron.overview_runs (
    integration_id text NOT NULL COLLATE pg_catalog."C",
    last_key double precision DEFAULT 'Infinity'::double precision NOT NULL,
    drift_key double precision DEFAULT 'Infinity'::double precision NOT NULL,
    failing_key double precision DEFAULT 'Infinity'::double precision NOT NULL,
    is_open boolean DEFAULT true NOT NULL,
    measured_at timestamp with time zone
);
CREATE TABLE synkron.overview_schedules (
    id bigint NOT NULL,
    cron_schedule text NOT NULL COLLATE pg_catalog."C",
    timezone text NOT NULL COLLATE pg_catalog."C",
    zone_is_number boolean NOT NULL,
    integration_type text NOT NULL COLLATE pg_catalog."C",
    integrations integer DEFAULT 0 NOT NULL,
    is_valid boolean DEFAULT true NOT NULL,
    next_key double precision DEFAULT '-Infinity'::double precision NOT NULL
);
ALTER TABLE synkron.overview_schedules ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.overview_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.pace (
    integration_type text NOT NULL,
    minute timestamp with time zone NOT NULL,
    starts integer NOT NULL,
    CONSTRAINT pace_starts_check CHECK ((starts > 0))
);
CREATE TABLE synkron.pauses (
    id bigint NOT NULL,
    org_id text,
    integration_type text,
    integration_id text,
    reason text NOT NULL,
    author text NOT NULL,
    starts_at timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone,
    ended_at timestamp with time zone,
    ended_by text,
    CONSTRAINT pauses_are_ended_by_somebody CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
    CONSTRAINT pauses_end_after_they_start CHECK ((until > starts_at)),
    CONSTRAINT pauses_one_integration_alone CHECK (((integration_id IS NULL) OR ((org_id IS NULL) AND (integration_type IS NULL)))),
    CONSTRAINT pauses_reason_check CHECK ((reason <> ''::text))
);
ALTER TABLE synkron.pauses ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.pauses_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.people (
    name text NOT NULL,
    permission text NOT NULL,
    org_id text,
    password_hash text,
    is_of_provider boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by text NOT NULL,
    last_login_at timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_by text,
    CONSTRAINT people_are_disabled_by_somebody CHECK (((disabled_at IS NULL) = (disabled_by IS NULL))),
    CONSTRAINT people_have_a_password_or_a_provider CHECK ((is_of_provider = (password_hash IS NULL))),
    CONSTRAINT people_name_check CHECK ((name <> ''::text)),
    CONSTRAINT people_password_hash_check CHECK ((password_hash <> ''::text)),
    CONSTRAINT people_permission_check CHECK ((permission = ANY (ARRAY['read'::text, 'operate'::text, 'admin'::text])))
);
CREATE TABLE synkron.plans (
    scheduled_for timestamp with time zone NOT NULL,
    integration_id text NOT NULL,
    org_id text NOT NULL,
    integration_type text NOT NULL,
    cron_schedule text NOT NULL,
    timezone text,
    key text NOT NULL,
    period_start timestamp with time zone,
    execute_after timestamp with time zone NOT NULL
);
CREATE TABLE synkron.probe_spend (
    endpoint text NOT NULL,
    month date NOT NULL,
    probes integer DEFAULT 0 NOT NULL,
    counted integer DEFAULT 0 NOT NULL,
    CONSTRAINT probe_spend_check CHECK ((counted <= probes))
);
CREATE TABLE synkron.provider_logins (
    state_hash bytea NOT NULL,
    browser_hash bytea NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    next_page text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT provider_logins_browser_hash_check CHECK ((length(browser_hash) = 32)),
    CONSTRAINT provider_logins_state_hash_check CHECK ((length(state_hash) = 32))
);
CREATE SEQUENCE synkron.queue_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE synkron.queue_id_seq OWNED BY synkron.queue.id;
CREATE TABLE synkron.queue_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status synkron.queue_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);
ALTER TABLE synkron.queue_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME synkron.queue_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.queue_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status synkron.queue_status DEFAULT 'queued'::synkron.queue_status
);
CREATE SEQUENCE synkron.queue_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE synkron.queue_schedules_id_seq OWNED BY synkron.queue_schedules.id;
CREATE TABLE synkron.queue_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status synkron.queue_status NOT NULL,
    entrypoint text NOT NULL
);
CREATE SEQUENCE synkron.queue_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE synkron.queue_statistics_id_seq OWNED BY synkron.queue_statistics.id;
CREATE TABLE synkron.running (
    integration_id text NOT NULL,
    run_id bigint NOT NULL,
    job_id bigint NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE synkron.runs (
    id bigint NOT NULL,
    key text NOT NULL,
    integration_id text NOT NULL,
    org_id text NOT NULL,
    integration_type text NOT NULL,
    source text NOT NULL,
    source_class text GENERATED ALWAYS AS (
CASE
    WHEN (source = ANY (ARRAY['manual'::text, 'backfill'::text])) THEN source
    ELSE 'schedule'::text
END) STORED NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    period_start timestamp with time zone,
    period_end timestamp with time zone NOT NULL,
    execute_after timestamp with time zone NOT NULL,
    action text NOT NULL,
    reason text NOT NULL,
    occurrences integer DEFAULT 1 NOT NULL,
    cron_schedule text,
    timezone text,
    tick_id bigint,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL,
    state text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    crashes integer DEFAULT 0 NOT NULL,
    retries integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    deferred_at timestamp with time zone,
    deferred_reason text,
    deferred_until timestamp with time zone,
    released_at timestamp with time zone,
    started_at timestamp with time zone,
    completes_by timestamp with time zone,
    finished_at timestamp with time zone,
    http_status integer,
    error text,
    drift interval GENERATED ALWAYS AS ((started_at - scheduled_for)) STORED,
    start_delay interval GENERATED ALWAYS AS ((started_at - execute_after)) STORED,
    delivers boolean GENERATED ALWAYS AS ((state <> 'skipped'::text)) STORED NOT NULL,
    started_late_at timestamp with time zone GENERATED ALWAYS AS (
CASE
    WHEN ((started_at - scheduled_for) > '00:01:00'::interval) THEN started_at
    ELSE NULL::timestamp with time zone
END) STORED,
    failed_at timestamp with time zone GENERATED ALWAYS AS (
CASE
    WHEN (state = 'failed'::text) THEN finished_at
    ELSE NULL::timestamp with time zone
END) STORED,
    CONSTRAINT runs_action_check CHECK ((action = ANY (ARRAY['run'::text, 'merge'::text, 'skip'::text, 'expire'::text]))),
    CONSTRAINT runs_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT runs_check CHECK (((failures >= 0) AND (failures <= attempt))),
    CONSTRAINT runs_crashes_check CHECK ((crashes >= 0)),
    CONSTRAINT runs_decided_against_are_skipped CHECK (((action = 'run'::text) OR (state = 'skipped'::text))),
    CONSTRAINT runs_decided_by_a_tick CHECK (((tick_id IS NOT NULL) OR (source = ANY (ARRAY['manual'::text, 'backfill'::text])))),
    CONSTRAINT runs_deferred_for_a_reason CHECK (((deferred_at IS NULL) = (deferred_reason IS NULL))),
    CONSTRAINT runs_deferred_from_a_moment_on CHECK ((deferred_until > deferred_at)),
    CONSTRAINT runs_failed_say_why CHECK (((state <> 'failed'::text) OR (error IS NOT NULL))),
    CONSTRAINT runs_finished_when_ended CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'skipped'::text])))),
    CONSTRAINT runs_have_a_schedule CHECK (((cron_schedule IS NOT NULL) OR (source = 'manual'::text))),
    CONSTRAINT runs_http_status_check CHECK (((http_status >= 100) AND (http_status <= 599))),
    CONSTRAINT runs_many_only_when_expired CHECK (((occurrences = 1) OR (action = 'expire'::text))),
    CONSTRAINT runs_never_before_their_moment CHECK ((execute_after >= scheduled_for)),
    CONSTRAINT runs_occurrences_check CHECK ((occurrences >= 1)),
    CONSTRAINT runs_on_the_minute CHECK (((source = 'manual'::text) OR (((EXTRACT(epoch FROM scheduled_for))::bigint % (60)::bigint) = 0))),
    CONSTRAINT runs_period_ends_at_its_moment CHECK ((period_end = scheduled_for)),
    CONSTRAINT runs_period_runs_forward CHECK ((period_start < period_end)),
    CONSTRAINT runs_retries_check CHECK ((retries >= 0)),
    CONSTRAINT runs_running_or_ended_well_were_started CHECK (((state <> ALL (ARRAY['running'::text, 'succeeded'::text])) OR (started_at IS NOT NULL))),
    CONSTRAINT runs_source_check CHECK ((source = ANY (ARRAY['schedule'::text, 'catch_up'::text, 'manual'::text, 'backfill'::text]))),
    CONSTRAINT runs_started_when_attempted CHECK (((started_at IS NULL) = (attempt = 0))),
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['claimed'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text])))
)
PARTITION BY RANGE (scheduled_for);
ALTER TABLE synkron.runs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.samples (
    endpoint text NOT NULL,
    at timestamp with time zone NOT NULL,
    source text NOT NULL,
    finding text NOT NULL,
    reason text NOT NULL,
    contacts integer NOT NULL,
    latency interval,
    http_status integer,
    resets_at timestamp with time zone,
    CONSTRAINT samples_contacts_check CHECK ((contacts >= 1)),
    CONSTRAINT samples_finding_check CHECK ((finding = ANY (ARRAY['healthy'::text, 'degraded'::text, 'unreachable'::text, 'unauthorized'::text, 'throttled'::text]))),
    CONSTRAINT samples_http_status_check CHECK (((http_status >= 100) AND (http_status <= 599))),
    CONSTRAINT samples_source_check CHECK ((source = ANY (ARRAY['run'::text, 'probe'::text])))
);
CREATE TABLE synkron.second_clock (
    one boolean DEFAULT true NOT NULL,
    wakes boolean NOT NULL,
    calls text,
    claims boolean NOT NULL,
    ahead interval NOT NULL,
    installed_at timestamp with time zone DEFAULT now() NOT NULL,
    planned_until timestamp with time zone,
    schedulers_rest_until timestamp with time zone,
    CONSTRAINT second_clock_ahead_check CHECK (((ahead >= '00:02:00'::interval) AND (ahead <= '1 day'::interval))),
    CONSTRAINT second_clock_calls_check CHECK ((calls ~ '^https?://'::text)),
    CONSTRAINT second_clock_one_check CHECK (one)
);
CREATE TABLE synkron.sessions (
    secret_hash bytea NOT NULL,
    person text,
    name text,
    permission text,
    org_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sessions_are_a_person_s_or_of_a_link CHECK (
CASE
    WHEN (person IS NULL) THEN (num_nonnulls(name, permission) = 2)
    ELSE (num_nonnulls(name, permission, org_id) = 0)
END),
    CONSTRAINT sessions_end_after_they_begin CHECK ((expires_at > created_at)),
    CONSTRAINT sessions_name_check CHECK ((name <> ''::text)),
    CONSTRAINT sessions_permission_check CHECK ((permission = ANY (ARRAY['read'::text, 'operate'::text, 'admin'::text]))),
    CONSTRAINT sessions_secret_hash_check CHECK ((length(secret_hash) = 32))
);
CREATE TABLE synkron.silences (
    id bigint NOT NULL,
    org_id text,
    integration_type text,
    endpoint text,
    reason text NOT NULL,
    author text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_by text,
    CONSTRAINT silences_are_ended_by_somebody CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
    CONSTRAINT silences_end_after_they_start CHECK ((until > starts_at)),
    CONSTRAINT silences_name_something CHECK ((num_nonnulls(org_id, integration_type, endpoint) > 0)),
    CONSTRAINT silences_reason_check CHECK ((reason <> ''::text))
);
ALTER TABLE synkron.silences ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.silences_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.ticks (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    source text NOT NULL,
    scheduler text NOT NULL,
    due integer NOT NULL,
    claimed integer NOT NULL,
    skipped integer NOT NULL,
    invalid integer NOT NULL,
    snapshot pg_snapshot,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT ticks_check CHECK ((window_end > window_start)),
    CONSTRAINT ticks_source_check CHECK ((source = ANY (ARRAY['service'::text, 'once'::text, 'pg_cron'::text])))
);
ALTER TABLE synkron.ticks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.ticks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.tokens (
    id bigint NOT NULL,
    name text NOT NULL,
    permission text NOT NULL,
    org_id text,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by text NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoked_by text,
    last_used_at timestamp with time zone,
    CONSTRAINT tokens_are_revoked_by_somebody CHECK (((revoked_at IS NULL) = (revoked_by IS NULL))),
    CONSTRAINT tokens_expire_after_they_are_made CHECK ((expires_at > created_at)),
    CONSTRAINT tokens_name_check CHECK ((name <> ''::text)),
    CONSTRAINT tokens_permission_check CHECK ((permission = ANY (ARRAY['read'::text, 'operate'::text, 'admin'::text]))),
    CONSTRAINT tokens_secret_hash_check CHECK ((length(secret_hash) = 32))
);
ALTER TABLE synkron.tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.verifications (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    expected integer NOT NULL,
    missed integer NOT NULL,
    doubled integer NOT NULL,
    late integer NOT NULL,
    unexplained integer NOT NULL,
    undelivered integer DEFAULT 0 NOT NULL,
    uncovered integer DEFAULT 0 NOT NULL
);
ALTER TABLE synkron.verifications ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.verifications_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.warm_ups (
    id bigint NOT NULL,
    integration_type text NOT NULL,
    at timestamp with time zone NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    http_status integer,
    duration interval,
    warmth text,
    error text,
    CONSTRAINT warm_ups_http_status_check CHECK (((http_status >= 100) AND (http_status <= 599))),
    CONSTRAINT warm_ups_warmth_check CHECK ((warmth = ANY (ARRAY['warm'::text, 'cold'::text])))
);
ALTER TABLE synkron.warm_ups ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME synkron.warm_ups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE synkron.warmth (
    integration_type text NOT NULL,
    met_at timestamp with time zone NOT NULL
);
CREATE TABLE synkron.watermark (
    one boolean DEFAULT true NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT watermark_one_check CHECK (one)
);
ALTER TABLE ONLY synkron.queue ALTER COLUMN id SET DEFAULT nextval('synkron.queue_id_seq'::regclass);
ALTER TABLE ONLY synkron.queue_schedules ALTER COLUMN id SET DEFAULT nextval('synkron.queue_schedules_id_seq'::regclass);
ALTER TABLE ONLY synkron.queue_statistics ALTER COLUMN id SET DEFAULT nextval('synkron.queue_statistics_id_seq'::regclass);
ALTER TABLE ONLY synkron.announcements
    ADD CONSTRAINT announcements_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.answers
    ADD CONSTRAINT answers_pkey PRIMARY KEY (actor, key);
ALTER TABLE ONLY synkron.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (run_id, attempt, scheduled_for);
ALTER TABLE ONLY synkron.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.health_hours
    ADD CONSTRAINT health_hours_pkey PRIMARY KEY (endpoint, hour);
ALTER TABLE ONLY synkron.health
    ADD CONSTRAINT health_pkey PRIMARY KEY (endpoint);
ALTER TABLE ONLY synkron.held
    ADD CONSTRAINT held_pkey PRIMARY KEY (integration_id);
ALTER TABLE ONLY synkron.incidents
    ADD CONSTRAINT incidents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.installations
    ADD CONSTRAINT installations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.internal_faults
    ADD CONSTRAINT internal_faults_pkey PRIMARY KEY (node, loop, error, place);
ALTER TABLE ONLY synkron.login_attempts
    ADD CONSTRAINT login_attempts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.login_links
    ADD CONSTRAINT login_links_pkey PRIMARY KEY (secret_hash);
ALTER TABLE ONLY synkron.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);
ALTER TABLE ONLY synkron.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (name, role);
ALTER TABLE ONLY synkron.overrides
    ADD CONSTRAINT overrides_pkey PRIMARY KEY (integration_id);
ALTER TABLE ONLY synkron.overview_integrations
    ADD CONSTRAINT overview_integrations_pkey PRIMARY KEY (integration_id, place);
ALTER TABLE ONLY synkron.overview_refreshes
    ADD CONSTRAINT overview_refreshes_pkey PRIMARY KEY (one);
ALTER TABLE ONLY synkron.overview_runs
    ADD CONSTRAINT overview_runs_pkey PRIMARY KEY (integration_id);
ALTER TABLE ONLY synkron.overview_schedules
    ADD CONSTRAINT overview_schedules_cron_schedule_timezone_zone_is_number_in_key UNIQUE (cron_schedule, timezone, zone_is_number, integration_type);
ALTER TABLE ONLY synkron.overview_schedules
    ADD CONSTRAINT overview_schedules_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.pace
    ADD CONSTRAINT pace_pkey PRIMARY KEY (integration_type, minute);
ALTER TABLE ONLY synkron.pauses
    ADD CONSTRAINT pauses_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (name);
ALTER TABLE ONLY synkron.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (scheduled_for, integration_id);
ALTER TABLE ONLY synkron.probe_spend
    ADD CONSTRAINT probe_spend_pkey PRIMARY KEY (endpoint, month);
ALTER TABLE ONLY synkron.provider_logins
    ADD CONSTRAINT provider_logins_pkey PRIMARY KEY (state_hash);
ALTER TABLE ONLY synkron.queue_log
    ADD CONSTRAINT queue_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.queue_schedules
    ADD CONSTRAINT queue_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);
ALTER TABLE ONLY synkron.queue_schedules
    ADD CONSTRAINT queue_schedules_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.queue_statistics
    ADD CONSTRAINT queue_statistics_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.running
    ADD CONSTRAINT running_pkey PRIMARY KEY (integration_id);
ALTER TABLE ONLY synkron.runs
    ADD CONSTRAINT runs_once UNIQUE (integration_id, scheduled_for, source_class);
ALTER TABLE ONLY synkron.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id, scheduled_for);
ALTER TABLE ONLY synkron.second_clock
    ADD CONSTRAINT second_clock_pkey PRIMARY KEY (one);
ALTER TABLE ONLY synkron.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (secret_hash);
ALTER TABLE ONLY synkron.silences
    ADD CONSTRAINT silences_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.ticks
    ADD CONSTRAINT ticks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.tokens
    ADD CONSTRAINT tokens_secret_hash_key UNIQUE (secret_hash);
ALTER TABLE ONLY synkron.verifications
    ADD CONSTRAINT verifications_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.warm_ups
    ADD CONSTRAINT warm_ups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY synkron.warmth
    ADD CONSTRAINT warmth_pkey PRIMARY KEY (integration_type);
ALTER TABLE ONLY synkron.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (one);
CREATE INDEX announcements_due ON synkron.announcements USING btree (next_attempt_at) WHERE ((sent_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX announcements_of_incident ON synkron.announcements USING btree (incident_id);
CREATE UNIQUE INDEX announcements_report_once ON synkron.announcements USING btree (report, report_moment, channel);
CREATE INDEX answers_by_age ON synkron.answers USING btree (created_at);
CREATE INDEX attempts_cold ON ONLY synkron.attempts USING btree (cold_at) WHERE (cold_at IS NOT NULL);
CREATE INDEX audit_newest ON synkron.audit USING btree (at DESC);
CREATE INDEX audit_of_integration ON synkron.audit USING btree (integration_id, at DESC, id DESC) WHERE (integration_id IS NOT NULL);
CREATE INDEX audit_of_organization ON synkron.audit USING btree (org_id, at DESC, id DESC) WHERE (org_id IS NOT NULL);
CREATE INDEX audit_of_type ON synkron.audit USING btree (integration_type, at DESC, id DESC) WHERE (integration_type IS NOT NULL);
CREATE INDEX incidents_again ON synkron.incidents USING btree (kind, subject, opened_at DESC);
CREATE INDEX incidents_newest ON synkron.incidents USING btree (opened_at DESC);
CREATE UNIQUE INDEX incidents_open ON synkron.incidents USING btree (kind, subject) WHERE (closed_at IS NULL);
CREATE UNIQUE INDEX installations_one_counts ON synkron.installations USING btree (((until IS NULL))) WHERE (until IS NULL);
CREATE INDEX internal_faults_newest ON synkron.internal_faults USING btree (last_at);
CREATE INDEX login_attempts_by_address ON synkron.login_attempts USING btree (address, at);
CREATE INDEX login_attempts_by_name ON synkron.login_attempts USING btree (name_hash, at);
CREATE INDEX mirrored_integrations_by_id ON synkron.mirrored_integrations USING btree (id);
CREATE INDEX mirrored_organizations_by_id ON synkron.mirrored_organizations USING btree (id);
CREATE INDEX overview_by_organization ON synkron.overview_integrations USING btree (organization_key, integration_id, place);
CREATE INDEX overview_by_schedule ON synkron.overview_integrations USING btree (schedule_id, integration_id, place);
CREATE INDEX overview_by_type ON synkron.overview_integrations USING btree (type_key, integration_id, place);
CREATE INDEX overview_invalid ON synkron.overview_integrations USING btree (integration_id) WHERE is_unfit;
CREATE INDEX overview_of_organization ON synkron.overview_integrations USING btree (org_id);
CREATE INDEX overview_runs_drift ON synkron.overview_runs USING btree (drift_key, integration_id);
CREATE INDEX overview_runs_failing ON synkron.overview_runs USING btree (failing_key, integration_id) WHERE (failing_key < 'Infinity'::double precision);
CREATE INDEX overview_runs_last ON synkron.overview_runs USING btree (last_key, integration_id);
CREATE INDEX overview_runs_open ON synkron.overview_runs USING btree (measured_at NULLS FIRST) WHERE is_open;
CREATE INDEX overview_schedules_next ON synkron.overview_schedules USING btree (next_key, id);
CREATE INDEX overview_without_schedule ON synkron.overview_integrations USING btree (integration_id, place) WHERE (schedule_id IS NULL);
CREATE INDEX overview_words ON synkron.overview_integrations USING gin (words);
CREATE INDEX pauses_active ON synkron.pauses USING btree (starts_at) WHERE (ended_at IS NULL);
CREATE INDEX pauses_by_end ON synkron.pauses USING btree (COALESCE(LEAST(ended_at, until), 'infinity'::timestamp with time zone));
CREATE INDEX provider_logins_by_end ON synkron.provider_logins USING btree (expires_at);
CREATE INDEX queue_ep_ea_idx ON synkron.queue USING btree (entrypoint, execute_after) WHERE (status = 'queued'::synkron.queue_status);
CREATE INDEX queue_ep_prio_id_idx ON synkron.queue USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::synkron.queue_status);
CREATE INDEX queue_log_created ON synkron.queue_log USING btree (created);
CREATE INDEX queue_log_job_id_status ON synkron.queue_log USING btree (job_id, created DESC);
CREATE INDEX queue_log_not_aggregated ON synkron.queue_log USING btree ((1)) WHERE (NOT aggregated);
CREATE INDEX queue_log_status ON synkron.queue_log USING btree (status);
CREATE INDEX queue_picked_heartbeat_idx ON synkron.queue USING btree (heartbeat) WHERE (status = 'picked'::synkron.queue_status);
CREATE UNIQUE INDEX queue_picked_slot_idx ON synkron.queue USING btree (entrypoint, slot) WHERE ((status = 'picked'::synkron.queue_status) AND (slot IS NOT NULL));
CREATE INDEX queue_priority_id_id1_idx ON synkron.queue USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::synkron.queue_status);
CREATE INDEX queue_queue_manager_id_idx ON synkron.queue USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);
CREATE UNIQUE INDEX queue_statistics_unique_count ON synkron.queue_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);
CREATE UNIQUE INDEX queue_unique_dedupe_key ON synkron.queue USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::synkron.queue_status, 'picked'::synkron.queue_status])) AND (dedupe_key IS NOT NULL));
CREATE INDEX queue_updated_id_id1_idx ON synkron.queue USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::synkron.queue_status);
CREATE INDEX runs_deferred ON ONLY synkron.runs USING btree (integration_type) WHERE ((deferred_at IS NOT NULL) AND (finished_at IS NULL));
CREATE UNIQUE INDEX runs_delivered_once ON ONLY synkron.runs USING btree (integration_id, scheduled_for) WHERE delivers;
CREATE INDEX runs_expired ON ONLY synkron.runs USING btree (claimed_at) WHERE (action = 'expire'::text);
CREATE INDEX runs_failed ON ONLY synkron.runs USING btree (failed_at) WHERE (failed_at IS NOT NULL);
CREATE INDEX runs_newest ON ONLY synkron.runs USING btree (scheduled_for DESC, id DESC);
CREATE INDEX runs_newest_of_organization ON ONLY synkron.runs USING btree (org_id, scheduled_for DESC);
CREATE INDEX runs_overdue ON ONLY synkron.runs USING btree (completes_by) WHERE ((completes_by IS NOT NULL) AND (finished_at IS NULL));
CREATE INDEX runs_started_late ON ONLY synkron.runs USING btree (started_late_at) WHERE (started_late_at IS NOT NULL);
CREATE INDEX runs_unfinished ON ONLY synkron.runs USING btree (integration_id, scheduled_for) WHERE (finished_at IS NULL);
CREATE INDEX samples_oldest ON synkron.samples USING btree (at);
CREATE INDEX sessions_by_name ON synkron.sessions USING btree (COALESCE(person, name));
CREATE INDEX silences_lasting ON synkron.silences USING btree (until) WHERE (ended_at IS NULL);
CREATE INDEX ticks_newest ON synkron.ticks USING btree (at DESC);
CREATE UNIQUE INDEX tokens_by_name ON synkron.tokens USING btree (name) WHERE (revoked_at IS NULL);
CREATE INDEX verifications_newest ON synkron.verifications USING btree (at DESC);
CREATE INDEX warm_ups_newest ON synkron.warm_ups USING btree (at DESC);
CREATE TRIGGER queue_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON synkron.queue FOR EACH STATEMENT EXECUTE FUNCTION synkron.queue_changed();
CREATE TRIGGER runs_keep_their_key AFTER UPDATE OF key, integration_id, scheduled_for ON synkron.runs FOR EACH ROW WHEN ((((old.key IS DISTINCT FROM new.key) OR (old.integration_id IS DISTINCT FROM new.integration_id)) OR (old.scheduled_for IS DISTINCT FROM new.scheduled_for))) EXECUTE FUNCTION synkron.refuse_change('a run keeps its key, its integration and its moment');
CREATE TRIGGER runs_stay_succeeded AFTER UPDATE OF state ON synkron.runs FOR EACH ROW WHEN (((old.state = 'succeeded'::text) AND (new.state <> 'succeeded'::text))) EXECUTE FUNCTION synkron.refuse_change('a run that succeeded stays so');
CREATE TRIGGER ticks_keep_their_window AFTER UPDATE OF id, at, window_start, window_end, recorded_at ON synkron.ticks FOR EACH ROW EXECUTE FUNCTION synkron.refuse_change('a tick keeps its moment and its window');
CREATE TRIGGER watermark_moves_forward BEFORE UPDATE ON synkron.watermark FOR EACH ROW EXECUTE FUNCTION synkron.watermark_moves_forward();
ALTER TABLE ONLY synkron.announcements
    ADD CONSTRAINT announcements_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES synkron.incidents(id) ON DELETE CASCADE;
ALTER TABLE ONLY synkron.sessions
    ADD CONSTRAINT sessions_person_fkey FOREIGN KEY (person) REFERENCES synkron.people(name) ON DELETE CASCADE;
GRANT USAGE ON SCHEMA synkron TO service_role;
REVOKE ALL ON FUNCTION synkron.keep_partitions(first timestamp with time zone, last timestamp with time zone, keep_after timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION synkron.keep_partitions(first timestamp with time zone, last timestamp with time zone, keep_after timestamp with time zone) TO service_role;
REVOKE ALL ON FUNCTION synkron.pause_over(org_id text, integration_type text, integration_id text, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION synkron.pause_over(org_id text, integration_type text, integration_id text, moment timestamp with time zone) TO service_role;
REVOKE ALL ON FUNCTION synkron.refuse_change() FROM PUBLIC;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.queue TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.announcements TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.announcements_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.answers TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.attempts TO service_role;
GRANT SELECT,INSERT ON TABLE synkron.audit TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.audit_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.health TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.health_hours TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.held TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.incidents TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.incidents_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.installations TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.internal_faults TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.login_attempts TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.login_attempts_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.login_links TO service_role;
GRANT SELECT ON TABLE synkron.migrations TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.mirrored_integrations TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.mirrored_organizations TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.nodes TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.overrides TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.overview_integrations TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.overview_refreshes TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.overview_runs TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.overview_schedules TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.overview_schedules_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.pace TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.pauses TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.pauses_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.people TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.plans TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.probe_spend TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.provider_logins TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.queue_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.queue_log TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.queue_log_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.queue_schedules TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.queue_schedules_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.queue_statistics TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.queue_statistics_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.running TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.runs TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.runs_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.samples TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.second_clock TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.sessions TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.silences TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.silences_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.ticks TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.ticks_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.tokens TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.tokens_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.verifications TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.verifications_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.warm_ups TO service_role;
GRANT SELECT,USAGE ON SEQUENCE synkron.warm_ups_id_seq TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.warmth TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE synkron.watermark TO service_role;
