"""The service inside a program whose database goes away: the block goes on and ends, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

import synkron
from synkron.errors import DatabaseUnreachable
from synkron.postgres import address, silence
from synkron.runtime import until as done_or_set
from synkron.service import background, loops, scheduler_loop
from synkron.settings.load import HealthSettings, Settings, TypeSettings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, holds
from tests.support.silent_relay import SilentRelay, silent_relay
from tests.support.working import claim

# No vendor is asked.
QUIET = {name: TypeSettings(health=HealthSettings(mode="passive")) for name in ("xledger", "dynamics", "bufdir")}
ALL = ("scheduler", "worker", "api")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops that rest for less, and connections and loops that are given up sooner."""
    monkeypatch.setattr(scheduler_loop, "next_tick", lambda now: now + timedelta(milliseconds=200))
    monkeypatch.setattr(background, "REPORT_EVERY", timedelta(milliseconds=200))
    monkeypatch.setattr("synkron.ledger.internal_faults.LONGEST_PAUSE", 0.5)
    monkeypatch.setattr(address, "CONNECT_TIMEOUT", 3.0)
    monkeypatch.setattr(silence, "SHORTEST_ANSWER", 0.2)
    monkeypatch.setattr(loops, "END_WITHIN", 0.5)


@pytest.fixture
async def relay(database: Database) -> AsyncIterator[SilentRelay]:
    async with silent_relay(database.url) as running:
        yield running


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """What Synkron logs."""
    with capture_logs() as captured:
        yield captured


def settings_on(url: str, **others: Any) -> Settings:
    quick: dict[str, Any] = {
        "heartbeat": timedelta(seconds=1),
        "shutdown_grace": timedelta(seconds=0.1),
        "listen": "127.0.0.1:0",
    }
    return Settings(database_url=SecretStr(url), types=QUIET, **(quick | others))


@asynccontextmanager
async def mute_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that accepts connections and says nothing: its URL, and whether somebody has come."""
    came, ends = asyncio.Event(), asyncio.Event()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await ends.wait()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"postgresql://synkron@127.0.0.1:{server.sockets[0].getsockname()[1]}/app", came
    finally:
        ends.set()
        server.close()
        await server.wait_closed()


def tasks_since(before: Collection[asyncio.Task[Any]]) -> list[str]:
    """The tasks that were begun since and have not ended, without those of the test's own servers."""
    return [text for text in map(repr, asyncio.all_tasks() - {*before}) if "/tests/" not in text]


async def loops_have_failed(lines: list[Any]) -> bool:
    """Whether they have noticed that the database is away."""
    failed = {line["loop"] for line in lines if line["event"] == "database failed"}
    return failed >= {"report", "scheduler", "incidents"}


@pytest.mark.parametrize("roles", [["worker"], ["api"], ALL], ids=lambda roles: ",".join(roles))
async def test_cancelled_before_the_database_answers_it_is_cancelled(roles: Collection[str], lines: list[Any]) -> None:
    """And not unreachable, nor begun: a program that no longer wants to wait is not told of something else."""
    async with mute_server() as (url, came):
        before = asyncio.all_tasks()

        async def program() -> None:
            async with synkron.running(settings_on(url), roles=roles):
                pytest.fail("the block began")

        task = asyncio.create_task(program())
        await came.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert tasks_since(before) == []
    assert {line["event"] for line in lines}.isdisjoint({"started", "listening"})


async def test_a_server_that_never_answers_is_told_as_unreachable(connection: Connection) -> None:
    async with mute_server() as (url, _):
        with pytest.raises(DatabaseUnreachable, match="no answer within 3 s"):
            async with synkron.running(settings_on(url)):
                pytest.fail("the block began")
    del connection


class Wrong(Exception):
    """What the program's block raises."""


@pytest.mark.waits(minutes=0.1)
@pytest.mark.parametrize("away", ["silent", "gone"])
@pytest.mark.parametrize(
    ("raised", "cancellations"),
    [(None, 0), (Wrong, 0), (None, 1), (None, 3)],
    ids=["left", "raising", "cancelled", "cancelled again and again"],
)
async def test_while_the_database_is_away_the_block_goes_on_and_ends(
    database: Database,
    lines: list[Any],
    away: str,
    raised: type[Wrong] | None,
    cancellations: int,
) -> None:
    """For good: the block ends as it would with a database, and leaves no task in the program's event loop."""
    before, begun, leaves = asyncio.all_tasks(), asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as relaying:
        relay = await relaying.enter_async_context(silent_relay(database.url))

        async def program() -> None:
            async with synkron.running(settings_on(relay.url), roles=ALL):
                begun.set()
                await leaves.wait()
                if raised:
                    raise raised

        task = asyncio.create_task(program())
        await done_or_set(task, begun)
        assert begun.is_set()
        if away == "silent":
            relay.silence(new=True)
        else:
            await relaying.aclose()
        await holds(lambda: loops_have_failed(lines))
        assert not task.done()
        for _ in range(cancellations):
            task.cancel()
            for _ in range(5):  # turns of the loop, in which the block begins to end
                await asyncio.wait({task}, timeout=0)
        leaves.set()
        async with asyncio.timeout(60):
            await asyncio.wait({task})
        assert tasks_since(before) == []
    assert task.cancelled() == bool(cancellations)
    assert cancellations or type(task.exception()) is (raised or type(None))


async def test_a_program_that_cancels_all_other_tasks_and_goes_on_is_told_and_ends(
    relay: SilentRelay, connection: Connection, lines: list[Any]
) -> None:
    """Nothing runs from then on, which the log says; leaving the block is no cancellation of the program."""
    del connection
    before = asyncio.all_tasks()
    async with synkron.running(settings_on(relay.url), roles=ALL):
        [serving] = [task for task in asyncio.all_tasks() if task.get_name() == "synkron"]
        serving.cancel()
        await asyncio.wait({serving})
        assert tasks_since(before) == []
    said = [line for line in lines if line["event"] == "ended while the program's block goes on"]
    assert [line["log_level"] for line in said] == ["error"]


async def test_what_is_due_is_delivered_when_the_database_is_back(
    relay: SilentRelay, connection: Connection, lines: list[Any]
) -> None:
    called = asyncio.Event()

    async def export(_: synkron.Run) -> None:
        called.set()

    async with synkron.running(settings_on(relay.url), targets={"xledger": export}):
        relay.silence(new=True)
        await holds(lambda: loops_have_failed(lines))
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        relay.answer()
        async with asyncio.timeout(60):
            await called.wait()
