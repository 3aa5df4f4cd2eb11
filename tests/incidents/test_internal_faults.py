"""What nobody expected, in any loop: it ends neither the process nor another loop, and operators are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from synkron.delivery import worker
from synkron.delivery.calls import Calls
from synkron.delivery.warm_up import send
from synkron.delivery.warm_up.store import WarmthStore
from synkron.incidents.condition import IncidentKind
from synkron.incidents.conditions.store import read_conditions
from synkron.ledger import history
from synkron.ledger.internal_faults import InternalFaults, persist
from synkron.ledger.nodes import Reporter
from synkron.ledger.queue import Manager
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import connected
from synkron.postgres.notifications import Notifications
from synkron.service import background, scheduler_loop
from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.load import HealthSettings, Settings, TypeSettings
from synkron.vendors.observer import Observer
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, holds
from tests.support.working import claim

SECRET = "hush-hush"
TARGET = TypeSettings(target="tests.support.services:sync", health=HealthSettings(mode="passive"))
SETTINGS = Settings(types={"xledger": TARGET}, heartbeat=timedelta(seconds=2))
# What each loop is broken at, the first time, and with what. A warm-up needs something that lies ahead; the first of
# the runs is left, and found again by a tick of a later minute.
PLANTED: dict[str, tuple[Any, str, BaseException]] = {
    "report": (Reporter, "report", KeyError(SECRET)),
    "scheduler": (scheduler_loop, "tick", ValueError(SECRET)),
    "warm-up": (send, "warm_up", RecursionError(SECRET)),
    "health": (background, "watch_health", asyncio.CancelledError(SECRET)),
    "incidents": (background, "read_conditions", ExceptionGroup(SECRET, [TypeError(SECRET)])),
    "verification": (background, "keep_verification", MemoryError(SECRET)),
    "announcements": (background, "deliver_due", NotImplementedError(SECRET)),
    "worker": (Observer, "look", AttributeError(SECRET)),
    "signs of life": (Manager, "keep_alive", ZeroDivisionError(SECRET)),
    "listening": (Notifications, "_is_alive", UnicodeError(SECRET)),
    "warmth": (WarmthStore, "keep_exchanging", AssertionError(SECRET)),
    "cancelled runs": (Calls, "keep_looking_for_cancelled", LookupError(SECRET)),
    "runs": (worker, "reason_to_skip", IndexError(SECRET)),
}
ALL = [Role.SCHEDULER, Role.WORKER]


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(serve(database.url, SETTINGS, ALL, stop, {}))
    try:
        yield task
        assert not task.done()
    finally:
        stop.set()
        await task


def plant(patch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException, *, times: int = 1) -> None:
    """Have it raise the error, so many times."""
    goes_on, left = getattr(owner, name), [error] * times

    def broken(*arguments: Any, **given: Any) -> Any:
        if left:
            raise left.pop()
        return goes_on(*arguments, **given)

    patch.setattr(owner, name, broken)


async def test_every_loop_goes_on(database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_loop, "next_tick", lambda now: now + timedelta(milliseconds=200))
    for owner, name, error in PLANTED.values():
        plant(monkeypatch, owner, name, error)
    await add_integration(connection, "0 2 * * *")
    await claim(connection)

    async def all_noted() -> bool:
        return await noted(connection) == set(PLANTED)

    with capture_logs() as lines:
        async with serving(database):
            await holds(all_noted)
            ticks = await ticked(connection)
            another = await add_integration(connection, "0 3 * * *")
            await claim(connection, "2026-03-02T03:00:00")
            await holds(partial(succeeded, connection, another))
            await holds(partial(ticked_more, connection, ticks))
    told = [line for line in lines if line["event"] == "internal fault"]
    assert {line["loop"] for line in told} == set(PLANTED)
    assert all(line["exc_info"] is not None for line in told)
    assert SECRET not in str([{key: one for key, one in line.items() if key != "exc_info"} for line in lines])
    assert SECRET not in str(await connection.fetch("select * from synkron.internal_faults"))
    places = {row["loop"]: row["place"] for row in await connection.fetch("select * from synkron.internal_faults")}
    assert places["scheduler"].startswith("synkron.service.scheduler_loop.keep_ticking, line ")
    found = await read_conditions(connection, SETTINGS, [], [], await database_clock(connection))
    internal = [one for one in found if one.kind is IncidentKind.INTERNAL_FAULT]
    assert len(internal) == len(PLANTED)
    assert "Internal fault in the loop scheduler: ValueError" in {one.title for one in internal}


async def test_a_loop_that_fails_each_time_is_logged_with_its_traceback_once_and_tried_again_ever_later(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, pauses = asyncio.Event(), list[float | None]()

    async def failing() -> NoReturn:
        raise ValueError(SECRET)

    async def passing(seconds: float | None, *_: asyncio.Event) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            stop.set()

    monkeypatch.setattr("synkron.ledger.internal_faults.sleep", passing)
    with capture_logs() as lines:
        await persist("some", stop, failing, InternalFaults(partial(connected, database.url), "node"))
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert [line["exc_info"] is not None for line in lines] == [True] + [False] * 7
    row = await connection.fetchrow("select node, loop, error, times from synkron.internal_faults")
    assert row is not None
    assert tuple(row) == ("node", "some", "ValueError", 8)


async def test_a_loop_that_ends_by_itself_leaves_time_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, pauses = asyncio.Event(), list[float | None]()

    async def ending() -> None:
        """Nothing is left to do."""

    async def passing(seconds: float | None, *_: asyncio.Event) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            stop.set()

    monkeypatch.setattr("synkron.ledger.internal_faults.sleep", passing)
    await persist("some", stop, ending, InternalFaults(partial(connected, ""), "node"))
    assert pauses == [0.5, 0.5, 0.5]


async def test_a_fault_is_told_of_for_two_hours_and_forgotten_after_a_week(connection: Connection) -> None:
    faults = InternalFaults(partial(connected, ""), "node")
    await connection.execute(
        "insert into synkron.internal_faults (node, loop, error, place, first_at, last_at) "
        "select node, 'scheduler', 'KeyError', 'here', now() - ago, now() - ago from (values "
        "('a', interval '119 minutes'), ('b', interval '1 minute'), ('c', interval '121 minutes'), "
        "('d', interval '8 days')) known (node, ago)"
    )
    found = await read_conditions(connection, SETTINGS, [], [], await database_clock(connection))
    (told,) = [one for one in found if one.kind is IncidentKind.INTERNAL_FAULT]
    assert "It occurred 2 times at here" in told.detail
    assert "in a, b" in told.detail
    faults._connect = partial(_as_it_is, connection)
    await faults.note("scheduler", KeyError())
    assert await connection.fetchval("select count(*) from synkron.internal_faults where node = 'd'") == 0


async def test_a_fault_that_cannot_be_written_down_is_in_the_log() -> None:
    faults = InternalFaults(partial(connected, "postgresql://nobody@127.0.0.1:1/none"), "node")
    with capture_logs() as lines:
        await faults.note("scheduler", KeyError(SECRET))
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("internal fault", "error"),
        ("internal fault not recorded", "debug"),
    ]


async def test_there_are_a_thousand_at_most(connection: Connection) -> None:
    await connection.execute(
        "insert into synkron.internal_faults (node, loop, error, place) "
        "select n::text, 'scheduler', 'KeyError', 'here' from generate_series(1, 1000) n"
    )
    faults = InternalFaults(partial(_as_it_is, connection), "node")
    await faults.note("x" * 1000, KeyError())
    assert await connection.fetchval("select count(*) from synkron.internal_faults") == 1000


@asynccontextmanager
async def _as_it_is(connection: Connection) -> AsyncIterator[Connection]:
    yield connection


async def noted(connection: Connection) -> set[str]:
    return {row["loop"] for row in await connection.fetch("select loop from synkron.internal_faults")}


async def succeeded(connection: Connection, integration_id: str) -> bool:
    return integration_id in {run.integration_id for run in await history.runs(connection, state="succeeded")}


async def ticked(connection: Connection) -> int:
    number: int = await connection.fetchval("select count(*) from synkron.ticks where source = 'service'")
    return number


async def ticked_more(connection: Connection, than: int) -> bool:
    return await ticked(connection) > than
