"""What a worker's runs show of the vendors is noted at once, collapsed, and written by somebody who may fail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.model import Outcome, OutcomeKind
from synkron.postgres.connection import Pool
from synkron.settings.load import Settings
from synkron.vendors import observer as observing
from synkron.vendors.health import Verdict
from synkron.vendors.observer import MOST_WAITING, Observer
from synkron.vendors.watches import watches_of
from tests.conftest import Connection
from tests.support.databases import Database

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DONE = Outcome(OutcomeKind.SUCCEEDED, 200)
BROKEN = Outcome(OutcomeKind.RETRYABLE, 502, "HTTP 502")
SILENT = Outcome(OutcomeKind.RETRYABLE, error="no answer from there within 160 s")
ENOUGH = Outcome(OutcomeKind.RETRYABLE, 429, "HTTP 429", retry_after=timedelta(hours=2), is_throttled=True)
SETTINGS = Settings(
    types={
        "xledger": {"target": "https://example.com/sync"},
        "fiken": {"target": "https://example.com/sync"},
    }
)


@pytest.fixture
def observer(pool: Pool) -> Observer:
    return Observer(pool, watches_of(SETTINGS))


async def test_runs_that_show_the_same_are_one_sample(observer: Observer, connection: Connection) -> None:
    for number in range(500):
        observer.note("xledger", DONE, SECOND, NOON + SECOND * number)
    await observer.flush()
    [row] = await connection.fetch("select * from synkron.samples")
    assert (row["contacts"], row["finding"], row["source"]) == (500, "healthy", "run")
    assert row["at"] == NOON + SECOND * 499
    assert await connection.fetchval("select healthy from synkron.health_hours") == 500


async def test_what_changed_in_between_is_kept_in_order(observer: Observer, connection: Connection) -> None:
    for number, outcome in enumerate((DONE, DONE, BROKEN, DONE, BROKEN, BROKEN, BROKEN)):
        observer.note("xledger", outcome, SECOND, NOON + SECOND * number)
    await observer.flush()
    rows = await connection.fetch("select finding, contacts from synkron.samples order by at")
    assert [tuple(row) for row in rows] == [("healthy", 2), ("unreachable", 1), ("healthy", 1), ("unreachable", 3)]
    known = observer.health_of("xledger")
    assert known is not None
    assert (known.verdict, known.failed_runs, known.known_by) == (Verdict.UNREACHABLE, 3, "run")


async def test_a_throttled_run_names_the_reset(observer: Observer) -> None:
    observer.note("xledger", ENOUGH, SECOND, NOON)
    observer.note("xledger", ENOUGH, SECOND, NOON + SECOND)
    await observer.flush()
    known = observer.health_of("xledger")
    assert known is not None
    assert (known.verdict, known.passive_until) == (Verdict.THROTTLED, NOON + timedelta(hours=2) + SECOND)


async def test_a_throttled_run_may_name_the_vendor_s_code(observer: Observer) -> None:
    """Then the rest is what the vendor is known to need, and not an hour."""
    code = "BAD_REQUEST.BURST_RATE_LIMIT_REACHED"
    observer.note("xledger", Outcome(OutcomeKind.RETRYABLE, error=f"it says {code}", is_throttled=True), SECOND, NOON)
    await observer.flush()
    known = observer.health_of("xledger")
    assert known is not None
    assert (known.verdict, known.passive_until) == (Verdict.THROTTLED, NOON + 5 * SECOND)


async def test_each_type_has_its_own_health_unless_the_endpoint_is_shared(observer: Observer) -> None:
    observer.note("xledger", DONE, SECOND, NOON)
    observer.note("fiken", BROKEN, SECOND, NOON)
    assert observer.health_of("xledger") is None
    await observer.flush()
    found = [observer.health_of(name) for name in ("xledger", "fiken", "bufdir")]
    assert [one and (one.endpoint, one.verdict.value, one.known_by) for one in found] == [
        ("https://www.xledger.net/", "healthy", "run"),
        ("type fiken", "unreachable", "passive"),
        None,
    ]


async def test_a_look_shows_what_others_found(observer: Observer, pool: Pool) -> None:
    other = Observer(pool, watches_of(SETTINGS))
    other.note("xledger", BROKEN, SECOND, NOON)
    await other.flush()
    await observer.flush()
    known = observer.health_of("xledger")
    assert known is not None
    assert known.verdict is Verdict.DEGRADED


async def test_two_workers_at_once_lose_nothing(pool: Pool, connection: Connection) -> None:
    observers = [Observer(pool, watches_of(SETTINGS)) for _ in range(6)]
    for _ in range(10):
        for one in observers:
            one.note("xledger", BROKEN, SECOND, NOON)
            one.note("fiken", DONE, SECOND, NOON)
        await asyncio.gather(*(one.flush() for one in observers))
    assert await connection.fetchval("select failed_runs from synkron.health where endpoint like 'https%'") == 60
    assert await connection.fetchval("select sum(contacts) from synkron.samples") == 120


async def test_a_type_that_is_not_watched_is_nobody_s(observer: Observer, connection: Connection) -> None:
    observer.note("bufdir", DONE, SECOND, NOON)
    await observer.flush()
    assert await connection.fetchval("select count(*) from synkron.samples") == 0


async def test_what_waits_is_bounded(observer: Observer, connection: Connection) -> None:
    """However long the database is away, and however often the findings change."""
    for number in range(10_000):
        observer.note("xledger", BROKEN if number % 2 else DONE, SECOND, NOON + SECOND * number)
    await observer.flush()
    assert await connection.fetchval("select count(*) from synkron.samples") == MOST_WAITING
    assert await connection.fetchval("select max(at) from synkron.samples") == NOON + SECOND * 9_999


@pytest.mark.own_database
async def test_a_database_that_fails_stops_nothing_and_loses_nothing(
    observer: Observer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "REST", 0.001)
    monkeypatch.setattr(observing, "FLUSH_EVERY", 0.005)
    stop = asyncio.Event()
    await connection.execute("alter table synkron.samples rename to samples_away")
    with capture_logs() as lines:
        running = asyncio.create_task(observer.run(stop))
        observer.note("xledger", BROKEN, SECOND, NOON)
        await _until(lambda: bool(lines))
        observer.note("xledger", BROKEN, SECOND, NOON + SECOND)
        await connection.execute("alter table synkron.samples_away rename to samples")
        await _until(lambda: observer.health_of("xledger") is not None)
        stop.set()
        await running
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["health samples not written yet"]
    assert await connection.fetchval("select sum(contacts) from synkron.samples") == 2
    known = observer.health_of("xledger")
    assert known is not None
    assert known.verdict is Verdict.UNREACHABLE


async def test_it_writes_at_once_when_a_finding_changes_and_once_more_at_the_end(
    observer: Observer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "REST", 0.0)
    monkeypatch.setattr(observing, "FLUSH_EVERY", 3600.0)
    stop = asyncio.Event()
    running = asyncio.create_task(observer.run(stop))
    observer.note("xledger", DONE, SECOND, NOON)
    await _until(lambda: observer.health_of("xledger") is not None)
    observer.note("xledger", BROKEN, SECOND, NOON + SECOND)
    await _until(lambda: (known := observer.health_of("xledger")) is not None and known.verdict is Verdict.DEGRADED)
    observer.note("xledger", BROKEN, SECOND, NOON + 2 * SECOND)
    stop.set()
    await running
    other = await asyncpg.connect(database.url)
    assert await other.fetchval("select verdict from synkron.health where endpoint like 'https%'") == "unreachable"
    await other.close()


async def _until(condition: object) -> None:
    """Wait until a condition holds, looked at whenever the event loop has done something."""
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():
            done = asyncio.Event()
            asyncio.get_running_loop().call_later(0.002, done.set)
            await done.wait()
