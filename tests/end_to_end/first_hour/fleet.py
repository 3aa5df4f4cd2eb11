"""Two hundred invented organizations, and a ledger of one night: with an outage, a pause, a refusal and a backfill.

Ticks, pauses, overrides, the backfill, incidents and the verification are made by Synkron itself, by a clock that the
database is given. What targets answered is written with SQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import asyncpg

from synkron.incidents.conditions.store import read_conditions
from synkron.incidents.store import reconcile
from synkron.model import Scope
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.overrides import set_override
from synkron.operations.pauses import AskedPause, pause
from synkron.postgres.statements import statements
from synkron.reports.verify.store import keep_verification
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.vendors.health import Contact, Sample, Verdict
from synkron.vendors.store import record
from synkron.vendors.watches import watches_of
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.stepped_clock import install_clock_for_all, set_clock

# A Friday: 07:04 in Oslo.
NOW = datetime(2026, 5, 22, 5, 4, 10, tzinfo=UTC)
BEGIN = datetime(2026, 5, 21, 18, 0, tzinfo=UTC)
OUTAGE = (datetime(2026, 5, 21, 20, 40, tzinfo=UTC), datetime(2026, 5, 21, 22, 10, tzinfo=UTC))
HALF = timedelta(seconds=30)
HOUR = timedelta(hours=1)

PLACES = (
    "Berg", "Bjørkelia", "Dalen", "Ekra", "Fjordlys", "Granli", "Havblikk", "Islyng", "Kvitfjell", "Lillevik",
    "Myrvang", "Nordavind", "Oterøy", "Ravnedal", "Solvik", "Tindefjell", "Ulvøya", "Vesterhav", "Østerdal", "Åsen",
)  # fmt: skip
TRADES = (
    "Drift", "Barnehager", "Regnskap", "Omsorg", "Energi", "Eiendom", "Shipping", "Skoler", "Fiskeri", "Bygg",
)  # fmt: skip
ORGANIZATIONS = [f"{place} {trade}" for trade in TRADES for place in PLACES]
ZONES = {33: "Europe/Helsinki", 35: "Europe/Stockholm", 37: "Atlantic/Reykjavik", 39: None}
BAD_ZONE, BAD_SCHEDULE, NO_SCHEDULE, DISABLED = "Åsen Fiskeri", "Berg Bygg", "Dalen Bygg", "Ekra Bygg"
REFUSED, RETRIED, RUNNING = "Berg Drift", "Solvik Drift", "Fjordlys Drift"
SKIPS, RUNS_ALL, EXPIRES = "Havblikk Drift", "Islyng Drift", "Kvitfjell Drift"
BACKFILLED, OPERATOR = "Nordavind Skoler", "kari@ops-1"

TYPES = ("xledger", "dynamics", "bufdir")
# Keys derive from it.
INSTALLATION = UUID("5a1c7f2e-0000-4000-8000-000000000001")
SETTINGS = Settings(
    types={kind: TypeSettings(target=f"https://sync.example.com/{kind}", secret="env:SIGNING") for kind in TYPES}
)

NODES = """
    insert into synkron.nodes (name, role, version, tzdata, started_at, seen_at, stopped_at, skew)
    select name, role, '0.1.0', '2025b', $1, coalesce(stopped_at, $2), stopped_at, interval '3 milliseconds'
    from (values
        ('ops-1:4127', 'scheduler', null::timestamptz), ('ops-2:3980', 'scheduler', null),
        ('ops-1:4128', 'worker', null), ('ops-2:3981', 'worker', null), ('ops-1:611', 'scheduler', $3)
    ) node (name, role, stopped_at)
"""
# The ticks between two that had something to do: each half minute, half a minute ahead.
QUIET = """
    insert into synkron.ticks
        (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid, snapshot, recorded_at)
    select at, at - interval '30 seconds', at + interval '30 seconds', 'service', $4, 0, 0, 0, $3,
        pg_current_snapshot(), at
    from generate_series(
        $1::timestamptz + interval '30 seconds', $2::timestamptz - interval '30 seconds', interval '30 seconds'
    ) at
"""
# What the workers did with all that may start by $1: one organization's type is refused, one run is still running.
DELIVER = """
    with started as (
        select id, scheduled_for,
            greatest(execute_after, claimed_at) + (14 + id * 7 % 60) * interval '1 ms' as started_at,
            (900 + id * 37 % 5000) * interval '1 ms' as duration,
            integration_type = 'dynamics' and org_id = $2 as is_refused,
            org_id = $3 and scheduled_for = $4 as is_running,
            case when id % 2 = 0 then 'ops-1:4128' else 'ops-2:3981' end as worker
        from synkron.runs where state = 'claimed' and next_attempt_at <= $1
    ), ended as (
        update synkron.runs set
            state = case when is_running then 'running' when is_refused then 'failed' else 'succeeded' end,
            attempt = 1, failures = is_refused::integer, started_at = started.started_at,
            finished_at = case when not is_running then started.started_at + duration end,
            http_status = case when is_running then null when is_refused then 403 else 200 end,
            error = case when is_refused then 'HTTP 403: this user may not read the company' end
        from started where runs.id = started.id
    ), tried as (
        insert into synkron.attempts
            (run_id, scheduled_for, attempt, worker, enqueued_at, started_at, finished_at, duration, outcome,
            http_status, error, warmth, warmth_known_by)
        select id, scheduled_for, 1, worker, started_at - interval '9 ms', started_at,
            case when not is_running then started_at + duration end, case when not is_running then duration end,
            case when is_running then null when is_refused then 'final' else 'succeeded' end,
            case when is_running then null when is_refused then 403 else 200 end,
            case when is_refused then 'HTTP 403: this user may not read the company' end,
            case when not is_running then 'warm' end, case when not is_running then 'time' end
        from started
    )
    delete from synkron.queue using started where convert_from(payload, 'UTF8') = started.id::text
"""
# One run met a busy vendor twice, and succeeded at the third attempt.
RETRY = """
    with retried as (
        update synkron.runs set attempt = 3, failures = 2, finished_at = started_at + interval '3 minutes 2 seconds'
        where org_id = $1 and integration_type = 'xledger' and scheduled_for = $2
        returning id, scheduled_for, started_at
    ), first as (
        update synkron.attempts set outcome = 'retryable', http_status = 503, error = 'HTTP 503: busy',
            finished_at = attempts.started_at + duration
        from retried where run_id = id
    )
    insert into synkron.attempts
        (run_id, scheduled_for, attempt, worker, started_at, finished_at, duration, outcome, http_status, error)
    select id, scheduled_for, number, 'ops-2:3981', started_at + after, started_at + after + interval '2 seconds',
        interval '2 seconds', outcome, status, said
    from retried, (values
        (2, interval '1 minute', 'retryable', 503, 'HTTP 503: busy'), (3, interval '3 minutes', 'succeeded', 200, null)
    ) attempt (number, after, outcome, status, said)
"""
SEAT = """
    insert into synkron.running (integration_id, run_id, job_id, since)
    select integration_id, id, 0, started_at from synkron.runs where state = 'running'
"""


def settings_for(port: int) -> str:
    """The settings file, with the target of each type on this port of the loopback."""
    section = '[types.{}]\ntarget = "http://127.0.0.1:{}/{}"\nsecret = "env:SIGNING"\n'
    return "\n".join(section.format(kind, port, kind) for kind in TYPES)


def org_id(name: str) -> str:
    """An organization's id, as its name gives it."""
    return str(uuid5(UUID(int=0), name))


def integration_id(name: str, kind: str) -> str:
    """The id of its integration."""
    return str(uuid5(UUID(int=1), f"{name} {kind}"))


def integrations() -> list[tuple[str, str, bool, str | None]]:
    """The organization, the type, whether it is enabled and the schedule of each row."""
    rows: list[tuple[str, str, bool, str | None]] = []
    for number, name in enumerate(ORGANIZATIONS[:178]):
        schedule = "*/30 * * * *" if number < 12 else "0 5 * * 1-5" if number % 10 == 1 else "0 2 * * *"
        rows.append((name, "xledger", True, schedule))
    rows += [(name, "xledger", True, "30 2 * * *") for name in ORGANIZATIONS[182:192]]
    rows += [(name, "dynamics", True, "4 2,5 * * *" if name == REFUSED else "4 2 * * *") for name in ORGANIZATIONS[:42]]
    rows += [(name, "bufdir", True, "30 3 * * *") for name in ORGANIZATIONS if name.endswith("Barnehager")]
    rows += [
        (BAD_ZONE, "xledger", True, "0 2 * * *"),
        (BAD_SCHEDULE, "xledger", True, "99 2 * * *"),
        (NO_SCHEDULE, "dynamics", True, None),
        (DISABLED, "dynamics", False, "4 2 * * *"),
    ]
    return rows


async def seed(database: Database) -> None:
    """Fill an empty database with the fleet and its night."""
    connection = await asyncpg.connect(database.url)
    try:
        await install_clock_for_all(connection, NOW)
        await set_clock(connection, BEGIN)
        await connection.execute("update synkron.installations set id = $1", INSTALLATION)
        await connection.execute(statements("ledger/installation")["note"])
        await _add_rows(connection)
        await _live_through(connection)
    finally:
        await connection.close()


async def _add_rows(connection: Connection) -> None:
    zones = [
        "Europe/Olso" if name == BAD_ZONE else ZONES.get(number % 40, "Europe/Oslo")
        for number, name in enumerate(ORGANIZATIONS)
    ]
    await connection.execute(
        "insert into organizations (id, name, timezone) select * from unnest($1::uuid[], $2::text[], $3::text[])",
        [org_id(name) for name in ORGANIZATIONS],
        ORGANIZATIONS,
        zones,
    )
    await connection.executemany(
        "insert into organization_integrations (id, org_id, integration_type, is_enabled, cron_schedule) "
        "values ($1, $2, $3, $4, $5)",
        [(integration_id(name, kind), org_id(name), kind, *rest) for name, kind, *rest in integrations()],
    )


async def _live_through(connection: Connection) -> None:
    """The night, tick by tick: each that has something to do is a real one, half a minute before its moment."""
    last = await _tick(connection, BEGIN - HALF)
    await _asked_by_operators(connection)
    for moment in _busy_moments():
        start, end = OUTAGE
        if start < moment <= end:
            continue
        if last < start < moment:
            await _quiet(connection, last, start)
            last = await _tick(connection, end)
            await _deliver(connection, end + HALF)
            await _update_incidents(connection, end + 2 * HALF)
        await _quiet(connection, last, moment - HALF)
        last = await _tick(connection, moment - HALF)
        await _deliver(connection, moment)
        if moment.minute == 4:
            await _update_incidents(connection, moment + HALF)
    await connection.execute(RETRY, org_id(RETRIED), NOW.replace(hour=0, minute=0, second=0))
    await connection.execute(SEAT)
    await set_clock(connection, NOW)
    await _quiet(connection, last, NOW - timedelta(seconds=10))
    await connection.execute("update synkron.watermark set at = $1", NOW - timedelta(seconds=10))
    await connection.execute(NODES, BEGIN - 30 * HOUR, NOW - timedelta(seconds=4), OUTAGE[0])
    await _contact_vendors(connection)
    await set_clock(connection, NOW - timedelta(minutes=4))
    await keep_verification(connection, SETTINGS, NOW - timedelta(minutes=4))
    await _update_incidents(connection, NOW - timedelta(seconds=10))


def _busy_moments() -> list[datetime]:
    """The half hours, and four minutes past the hours at which somebody's dynamics fires."""
    halves = [BEGIN + number * HOUR / 2 for number in range(1, 23)]
    fours = [halves[0].replace(hour=hour, minute=4) for hour in (23,)]
    fours += [NOW.replace(hour=hour, minute=4, second=0) for hour in (0, 2, 3)]
    return sorted(halves + fours)


async def _tick(connection: Connection, at: datetime) -> datetime:
    await set_clock(connection, at)
    await tick(connection, SETTINGS, scheduler="ops-1:611" if at < OUTAGE[0] else "ops-1:4127")
    await connection.execute("update synkron.ticks set recorded_at = at where recorded_at <> at")
    return at


async def _quiet(connection: Connection, last: datetime, until: datetime) -> None:
    """Ticks with nothing to do after the last one and before ``until``."""
    scheduler = "ops-1:611" if until <= OUTAGE[0] else "ops-1:4127"
    await connection.execute(QUIET, last, until, 2, scheduler)
    await connection.execute("update synkron.watermark set at = greatest(at, $1)", until)


async def _deliver(connection: Connection, by: datetime) -> None:
    await connection.execute(DELIVER, by, org_id(REFUSED), org_id(RUNNING), NOW.replace(minute=0, second=0))


async def _asked_by_operators(connection: Connection) -> None:
    """What an operator did before the night."""
    await set_clock(connection, BEGIN + timedelta(minutes=6))
    await pause(
        connection, SETTINGS, AskedPause([Scope(integration_type="bufdir")], "Bufdir moves its service", None), OPERATOR
    )
    for name, values in (
        (SKIPS, {"catch_up": "skip"}),
        (RUNS_ALL, {"catch_up": "all"}),
        (EXPIRES, {"catch_up": "all", "catch_up_window": timedelta(minutes=45)}),
    ):
        await set_override(connection, SETTINGS, integration_id(name, "xledger"), values, OPERATOR)
    await set_clock(connection, BEGIN + timedelta(minutes=12))
    scope = Scope(integration_id=integration_id(BACKFILLED, "xledger"))
    asked = AskedBackfill(scope, BEGIN - 68 * HOUR, BEGIN - 20 * HOUR)
    await backfill(connection, SETTINGS, asked, OPERATOR)


async def _update_incidents(connection: Connection, at: datetime) -> None:
    """As a scheduler does twice a minute, with the invalid rows of its last tick."""
    await set_clock(connection, at)
    ticked = await tick(connection, SETTINGS, scheduler="ops-1:4127", source="service")
    conditions = await read_conditions(connection, SETTINGS, watches_of(SETTINGS), ticked.invalid, at)
    await reconcile(connection, conditions, SETTINGS, at)


async def _contact_vendors(connection: Connection) -> None:
    """What the night showed of each vendor, hour by hour: its runs, or probes where it had none."""
    for watch in watches_of(SETTINGS):
        by, contacts = (Contact.PROBE, 1) if "bufdir" in watch.integration_types else (Contact.RUN, 12)
        samples = [
            Sample(BEGIN + number * HOUR, by, Verdict.HEALTHY, "HTTP 200", contacts=contacts) for number in range(12)
        ]
        await record(connection, watch, samples)
