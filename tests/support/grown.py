"""A database that has been in use for long: so many rows in each table that grows, made as fast as may be."""

from __future__ import annotations

import asyncpg

from tests.support.template import WITHOUT_PARTITIONS

ROWS = 30_000
# Of the ledger's tables, those that hold a row for each endpoint, type, process, month, release or minute ahead, and
# not for each organization, integration, run or event.
SMALL = frozenset(
    {
        "health",
        "health_hours",
        "installations",
        "internal_faults",
        "migrations",
        "nodes",
        "pace",
        "people",
        "probe_spend",
        "queue_schedules",
        "warmth",
        "watermark",
    }
)
# Two months of the runs of as many integrations. One in a hundred is unfinished, is skipped, or has failed.
STATEMENTS = (
    "set session_replication_role = replica",  # no checks of what references what, and no notifications
    WITHOUT_PARTITIONS,
    "select synkron.keep_partitions(now() - interval '70 days', now() + interval '31 days', '-infinity')",
    "insert into synkron.watermark (at) values (now())",
    """
    insert into organizations (name, timezone)
    select 'o' || n, (array[null, 'Europe/Oslo', 'Europe/Helsinki', 'America/New_York'])[1 + n % 4]
    from generate_series(1, $1::int) n
    """,
    """
    insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule)
    select id, (array['xledger', 'dynamics', 'bufdir'])[1 + n % 3], n % 10 > 0, n % 60 || ' ' || n / 60 % 24 || ' * * *'
    from (select id, row_number() over () as n from organizations) one
    """,
    """
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    select at, at - interval '30 seconds', at + interval '30 seconds', 'service', 's', 1, 1, 0, 0
    from (select now() - n * interval '30 seconds' as at from generate_series(1, $1::int) n) tick
    """,
    """
    insert into synkron.runs (
        key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end, execute_after,
        next_attempt_at, action, reason, cron_schedule, timezone, tick_id, state, attempt, claimed_at, started_at,
        finished_at, error
    )
    select
        'k' || n, integration_id, org_id, integration_type, 'schedule', at, at - interval '1 day', at, at, at, 'run',
        'on time', cron_schedule, 'UTC', n, state, case when state in ('claimed', 'skipped') then 0 else 1 end,
        at - interval '30 seconds', case when state not in ('claimed', 'skipped') then at + interval '1 second' end,
        case when state not in ('claimed', 'running') then at + interval '2 seconds' end,
        case when state = 'failed' then 'HTTP 500' end
    from (
        select id::text as integration_id, org_id::text as org_id, integration_type, cron_schedule,
            row_number() over () as n
        from organization_integrations
    ) one
    cross join lateral (
        select
            date_trunc('minute', now()) - (n * 7919 % 86400) * interval '1 minute' as at,
            case n % 100 when 0 then 'claimed' when 1 then 'skipped' when 2 then 'failed' when 3 then 'running'
                else 'succeeded' end as state
    ) ran
    """,
    """
    insert into synkron.attempts (
        run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, duration, warmth, warmth_known_by
    )
    select id, scheduled_for, 1, 'w', started_at, finished_at,
        case state when 'failed' then 'final' when 'succeeded' then 'succeeded' end, interval '1 second',
        case when id % 1000 = 9 then 'cold' else 'warm' end, 'header'
    from synkron.runs
    where started_at is not null
    """,
    """
    insert into synkron.running (integration_id, run_id, job_id)
    select 'i' || n, n, n from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.queue (priority, entrypoint, payload, execute_after, status, queue_manager_id)
    select 0, (array['xledger', 'dynamics', 'bufdir'])[1 + n % 3], convert_to(n::text, 'UTF8'),
        now() + n * interval '1 second', case when n % 100 = 0 then 'picked' else 'queued' end::synkron.queue_status,
        case when n % 100 = 0 then gen_random_uuid() end
    from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.queue_log (job_id, status, entrypoint, priority)
    select n, 'successful', 'xledger', 0 from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.pauses (org_id, reason, author, starts_at, ended_at, ended_by)
    select 'o' || n, 'why', 'kari', now() - n * interval '1 minute' - interval '1 hour',
        case when n > 10 then now() - n * interval '1 minute' end, case when n > 10 then 'kari' end
    from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.silences (org_id, reason, author, starts_at, until)
    select 'o' || n, 'why', 'kari', now() - n * interval '1 minute' - interval '1 hour', now() - n * interval '1 minute'
    from generate_series(-10, $1::int) n
    """,
    """
    insert into synkron.overrides (integration_id, overlap)
    select 'i' || n, 'skip' from generate_series(1, $1::int) n
    """,
    "insert into synkron.held (integration_id, since) select id::text, now() from organization_integrations",
    """
    insert into synkron.audit (at, author, action, subject, org_id, integration_type, integration_id)
    select now() - n * interval '1 minute', 'kari', 'pause', 'integration i' || n, 'o' || n % 100, 'xledger', 'i' || n
    from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.samples (endpoint, at, source, finding, reason, contacts)
    select 'e' || n % 10, now() - n * interval '5 seconds', 'run', 'healthy', 'HTTP 200', 1
    from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.warm_ups (integration_type, at, scheduled_for)
    select 'xledger', now() - n * interval '5 seconds', now() from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.incidents (
        kind, subject, org_id, title, detail, remedy, since, opened_at, seen_at, closed_at
    )
    select 'run_failed', 'i' || n, 'o' || n, 't', 'd', 'r', at, at, at, case when n > 100 then at end
    from (select n, now() - n * interval '1 minute' as at from generate_series(1, $1::int) n) one
    """,
    """
    insert into synkron.announcements (incident_id, transition, channel, made_at, next_attempt_at, sent_at)
    select id, 'opened', 'operations', opened_at, opened_at, case when id > 100 then opened_at end
    from synkron.incidents
    """,
    """
    insert into synkron.verifications (at, since, until, expected, missed, doubled, late, unexplained)
    select now() - n * interval '5 minutes', now(), now(), 1, 0, 0, 0, 0 from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.tokens (name, permission, org_id, secret_hash, created_by)
    select 't' || n, 'read', 'o' || n, sha256(n::text::bytea), 'kari' from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.people (name, permission, org_id, is_of_provider, created_by)
    select 'p' || n, 'read', 'o' || n, true, 'kari' from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.sessions (secret_hash, person, expires_at)
    select sha256(n::text::bytea), 'p' || n, now() + n * interval '1 second' from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.login_attempts (name_hash, address)
    select sha256(n::text::bytea), '10.0.0.' || n % 250 from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.answers (actor, key, request, body_hash, status, body, created_at)
    select 'token:t' || n % 10, n, 'POST /v1/pauses', sha256('{}'), 200, '{}', now() - n * interval '1 minute'
    from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.overview_schedules (
        cron_schedule, timezone, zone_is_number, integration_type, integrations, next_key
    )
    select n % 60 || ' ' || n / 60 % 24 || ' ' || 1 + n / 1440 || ' * *', '', false, 'xledger', 1,
        extract(epoch from now()) + 600 * n - 6000
    from generate_series(1, $1::int) n
    """,
    """
    insert into synkron.overview_integrations (
        integration_id, place, org_id, organization, integration_type, is_enabled, cron_schedule, organization_exists,
        zone_is_number, schedule_id
    )
    select i.id::text, 0, org_id::text, name, integration_type, is_enabled, cron_schedule, true, false,
        case when is_enabled then row_number() over () end
    from organization_integrations i
    join organizations o on o.id = i.org_id
    """,
    """
    insert into synkron.overview_runs (integration_id, last_key, drift_key, failing_key, is_open, measured_at)
    select integration_id, -n, n % 100, case when n % 100 = 0 then n::float8 else 'infinity' end, n % 100 = 0, now()
    from (select integration_id, row_number() over () as n from synkron.overview_integrations) one
    """,
    "analyze",
)


async def grow(superuser_url: str) -> None:
    """Fill a migrated database that has the application's two tables."""
    connection = await asyncpg.connect(superuser_url)
    for statement in STATEMENTS:
        await connection.execute(statement, *([ROWS] if "$1" in statement else []))
    await connection.close()
