"""The past of a large fleet: a ledger with runs of each integration on each of the last days, written set by set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from bench.fleet import Connection
from synkron.service.overview.refresh import refresh
from synkron.settings.load import Settings

DAYS = 10
DAY = timedelta(days=1)
# The server's memory for a fleet of this size; the rest as it is installed, but that what is only written once, in the
# transaction that made its table, is not logged.
SERVER: Mapping[str, str] = {
    "shared_buffers": "1GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "fsync": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
ROOM = "select synkron.keep_partitions(now() - $1::interval, now(), '-infinity')"
TICKS = """
insert into synkron.ticks
    (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid, snapshot, recorded_at)
select ends - interval '30 seconds', ends - interval '1 minute', ends, 'service', 'bench', 0, 0, 0, 0, null, ends
from generate_series(date_trunc('minute', now()) - $1::interval, now(), '30 seconds') ends
"""
WATERMARK = "insert into synkron.watermark (at) values (date_trunc('minute', now()))"
# A run on each day, at a minute of the integration's own; one in fifty of the newest has failed. In this minute, one
# in a thousand is running, and one in a thousand waits.
RUNS = """
insert into synkron.runs (
    key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end, execute_after,
    next_attempt_at, action, reason, cron_schedule, timezone, tick_id, state, attempt, claimed_at, started_at,
    finished_at, error
)
select
    'k' || day || id, id, org_id, integration_type, 'schedule', at, at - interval '1 day', at, at, at, 'run', 'on time',
    '0 2 * * *', 'UTC', 1 + extract(epoch from at - first_tick)::bigint / 30, state, (state <> 'claimed')::int,
    at - interval '30 seconds', case when state <> 'claimed' then at + (lot % 1000) * interval '3 milliseconds' end,
    case when state in ('succeeded', 'failed') then at + interval '4 seconds' end,
    case when state = 'failed' then 'HTTP 500' end
from (select $1::int as day, min(window_end) as first_tick from synkron.ticks) ticks
cross join (
    select id::text as id, org_id::text as org_id, integration_type, hashtext(id::text) & 65535 as lot
    from organization_integrations
) one
cross join lateral (
    select
        case
            when day = 0 then date_trunc('minute', now())
            else date_trunc('hour', now()) - (day * 1440 - (lot + day * 7919) % 1440) * interval '1 minute'
        end as at,
        case
            when day = 0 and lot % 1000 = 1 then 'running'
            when day = 0 then 'claimed'
            when day = 1 and lot % 50 = 0 then 'failed'
            else 'succeeded'
        end as state
) ran
where day > 0 or lot % 1000 in (1, 2)
order by at
"""
SEATS = """
insert into synkron.running (integration_id, run_id, job_id)
select integration_id, id, 0 from synkron.runs where state = 'running'
"""
# The drift of a day is told from its attempts, and a failure stands unless its attempt was cancelled.
ATTEMPTS = """
insert into synkron.attempts
    (run_id, scheduled_for, attempt, worker, enqueued_at, started_at, finished_at, duration, outcome, http_status)
select
    id, scheduled_for, 1, 'bench', claimed_at, started_at, finished_at, finished_at - started_at,
    case when state = 'failed' then 'final' when state = 'succeeded' then 'succeeded' end,
    case when finished_at is not null then case state when 'failed' then 500 else 200 end end
from synkron.runs
where scheduled_for > now() - interval '2 days' and state <> 'claimed'
"""
# The constraints first: an index that belongs to one goes with it.
INDEXES = """
select format('alter table %s drop constraint %I', conrelid::regclass, conname) as dropped,
    format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as made
from pg_constraint
where conrelid = any($1::regclass[]) and contype in ('p', 'u')
union all
select format('drop index %s', indexrelid::regclass), replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
from pg_index
where indrelid = any($1::regclass[]) and not exists (select from pg_constraint where conindid = indexrelid)
"""
TABLES = ["synkron.runs", "synkron.attempts"]
# Of the copy, but for those that a refresh itself relies on.
PLAIN_INDEXES = """
select format('drop index %s', indexrelid::regclass) as dropped, pg_get_indexdef(indexrelid) as made
from pg_index
where indrelid = any($1::regclass[]) and not indisunique and indexrelid <> 'synkron.overview_runs_open'::regclass
"""
COPY = ["synkron.overview_integrations", "synkron.overview_runs", "synkron.overview_schedules"]


async def fill_past(connection: Connection) -> None:
    """A run of each integration on each of the last ten days, and those under way; in one transaction."""
    async with connection.transaction(), without(connection, INDEXES, TABLES):
        await connection.execute("set local work_mem = '256MB'")
        await connection.execute(ROOM, (DAYS + 2) * DAY)
        await connection.execute(TICKS, (DAYS + 1) * DAY)
        await connection.execute(WATERMARK)
        for day in reversed(range(DAYS + 1)):
            await connection.execute(RUNS, day)
        await connection.execute(SEATS)
        await connection.execute(ATTEMPTS)
    await connection.execute("vacuum analyze synkron.runs, synkron.attempts, synkron.ticks")


async def fill_copy(connection: Connection) -> None:
    """The copy by which the overview is sorted, with the figures of all integrations."""
    async with without(connection, PLAIN_INDEXES, COPY):
        await refresh(connection, Settings())
    await connection.execute(f"vacuum analyze {', '.join(COPY)}")


@asynccontextmanager
async def without(connection: Connection, indexes: str, tables: list[str]) -> AsyncIterator[None]:
    """Make the indexes of the tables afterwards, which takes a fraction of the time."""
    found = await connection.fetch(indexes, tables)
    for one in found:
        await connection.execute(one["dropped"])
    yield
    for one in found:
        await connection.execute(one["made"])
