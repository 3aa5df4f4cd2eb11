"""Whoever may connect may notify. No notification is believed: it has the queue and the ledger looked at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.ledger import attempts, history
from synkron.ledger.queue import QUEUE, SQL
from synkron.postgres.connection import Pool
from synkron.postgres.notifications import APART, CHANGED, Notifications
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import PATIENCE, add_integration, nothing_queued, watching
from tests.support.working import Recorder, claim, working

pytestmark = pytest.mark.each_server

# A role of its own: roles are the server's, and another test leaves an outsider behind.
OUTSIDER = "forger"
ENVELOPE = {"channel": QUEUE.channel, "sent_at": "2026-03-02T02:00:00Z"}
LONG = "x" * 7_999
# Each of them differs, as those of a transaction that are the same are sent once.
FLOOD = "select pg_notify('synkron_queue', n || repeat('x', 7900)) from generate_series(1, $1::int) n"

Answer = TypeVar("Answer")


@pytest.fixture
async def outsider(database: Database) -> AsyncIterator[Connection]:
    """A role that may connect, and was granted nothing."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(f"create role {OUTSIDER} login")
    opened = await asyncpg.connect(database.superuser_url.replace("postgres@", f"{OUTSIDER}@", 1))
    yield opened
    await opened.close()
    await superuser.execute(f"drop role {OUTSIDER}")
    await superuser.close()


def event(kind: str, **rest: Any) -> str:
    return json.dumps({**ENVELOPE, "type": kind, **rest})


async def forge(outsider: Connection, *payloads: str) -> None:
    await outsider.executemany("select pg_notify($1, $2)", [(QUEUE.channel, payload) for payload in payloads])


async def test_no_forged_notification_breaks_a_delivery_off(
    database: Database, connection: Connection, outsider: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    held = asyncio.Event()
    target = Recorder(wait=held)
    cancelled, looks = attempts.cancelled, asyncio.Semaphore(0)

    async def counted(*arguments: Any) -> set[int]:
        try:
            return await cancelled(*arguments)
        finally:
            looks.release()

    monkeypatch.setattr(attempts, "cancelled", counted)
    monkeypatch.setattr("synkron.delivery.calls.LOOK_EVERY", PATIENCE)
    with capture_logs() as lines:
        async with watching(database) as until, working(pool, target):
            await target.called.wait()
            ids = await connection.fetch("select id from synkron.queue")
            jobs = [*range(1_000), *(row["id"] for row in ids)]
            for payload in (
                event("cancellation_event", ids=jobs),
                event("health_check_event", id=str(UUID(int=1))),
                event("table_changed_event", operation="truncate", table="queue"),
                event("requests_per_second_event", entrypoint_count={"xledger": 10**9}),
                event("cancellation_event", ids="all"),
                "cancellation_event",
                "{",
                "",
                "\x1b]0;X\x07\x1b[2J",
                LONG,
            ):
                await forge(outsider, payload)
            async with asyncio.timeout(PATIENCE):
                await looks.acquire()
            held.set()
            await until(nothing_queued)
    (run,) = await history.runs(connection)
    assert (run.id, run.state, run.attempt, len(target.calls)) == (run_id, "succeeded", 1, 1)
    assert [line for line in lines if line["log_level"] not in ("info", "debug")] == []


async def test_in_a_flood_runs_are_delivered(database: Database, connection: Connection, outsider: Connection) -> None:
    looks: list[str] = []

    async def count(opened: Any) -> None:
        opened.add_query_logger(lambda one: looks.append(one.query) if one.query == SQL["take"] else None)

    await add_integration(connection, "0 2 * * *")
    loop = asyncio.get_running_loop()
    async with (
        asyncpg.create_pool(database.url, min_size=1, max_size=5, init=count) as pool,
        watching(database) as until,
        working(pool, Recorder()),
    ):
        began = loop.time()
        await outsider.execute(FLOOD, 5_000)
        assert len(await claim(connection)) == 1
        await until(nothing_queued)
        seconds = loop.time() - began
    assert await connection.fetchval("select state from synkron.runs") == "succeeded"
    assert len(looks) <= seconds / APART + 10


class TestWaking:
    """How often PgQueuer is woken."""

    @pytest.fixture
    async def woken(self, pool: Pool) -> AsyncIterator[tuple[Notifications, asyncio.Queue[str]]]:
        wakes: asyncio.Queue[str] = asyncio.Queue()
        notifications = Notifications(pool)
        async with notifications:
            await notifications.add_listener(QUEUE.channel, lambda payload: wakes.put_nowait(str(payload)))
            yield notifications, wakes

    async def test_once_until_it_has_looked_however_many_come(
        self, woken: tuple[Notifications, asyncio.Queue[str]], outsider: Connection
    ) -> None:
        notifications, wakes = woken
        await outsider.execute(FLOOD, 5_000)
        await forge(outsider, "cancellation_event")
        await within(notifications.cancellation.wait())
        assert [wakes.get_nowait() for _ in range(wakes.qsize())] == [CHANGED]

    async def test_again_when_something_came_after_it_looked(
        self, woken: tuple[Notifications, asyncio.Queue[str]], outsider: Connection
    ) -> None:
        notifications, wakes = woken
        for _ in range(3):
            await forge(outsider, LONG)
            assert await within(wakes.get()) == CHANGED
            notifications.looked()

    async def test_not_again_for_what_came_before_it_looked(
        self, woken: tuple[Notifications, asyncio.Queue[str]]
    ) -> None:
        notifications, wakes = woken
        for _ in range(3):
            notifications.heard("x")
        notifications.looked()
        notifications.looked()
        rested = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(2 * APART, rested.set_result, None)
        await within(rested)
        assert wakes.qsize() == 1


async def within(awaited: Awaitable[Answer]) -> Answer:
    """What comes of it, in a while."""
    return await asyncio.wait_for(awaited, PATIENCE)
