"""A service whose connections fall silent: every loop goes on with new ones, and nothing holds its end up."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from synkron.delivery.warm_up import send
from synkron.delivery.warm_up.store import WarmthStore
from synkron.ledger import history
from synkron.ledger.nodes import Reporter
from synkron.ledger.queue import _OwnJobs
from synkron.postgres import address, silence
from synkron.postgres.notifications import Notifications
from synkron.service import background, scheduler_loop
from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.load import HealthSettings, Settings, TypeSettings
from synkron.vendors.observer import Observer
from tests.conftest import Connection
from tests.end_to_end.processes import process
from tests.support.databases import Database
from tests.support.fleet import add_integration, holds
from tests.support.silent_relay import SilentRelay, silent_relay
from tests.support.working import claim

TARGET = TypeSettings(target="tests.postgres.test_silent_service:sync", health=HealthSettings(mode="passive"))
SETTINGS = Settings(types={"xledger": TARGET}, heartbeat=timedelta(seconds=1), shutdown_grace=timedelta(seconds=0.1))
ALL = (Role.SCHEDULER, Role.WORKER, Role.API)
# What each loop does again and again.
WORK: dict[str, tuple[Any, str]] = {
    "report": (Reporter, "report"),
    "scheduler": (scheduler_loop, "tick"),
    "warm-up": (send, "warm_up"),
    "health": (background, "watch_health"),
    "incidents": (background, "read_conditions"),
    "verification": (background, "keep_verification"),
    "announcements": (background, "deliver_due"),
    "worker": (_OwnJobs, "dequeue"),
    "listening": (Notifications, "_is_alive"),
    "warmth": (WarmthStore, "exchange"),
    "observing": (Observer, "flush"),
}


class Far:
    """The target: it remembers its calls, and answers when it is let."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.called = asyncio.Event()
        self.answers = asyncio.Event()


far = Far()


async def sync(run: Any) -> None:
    """What the service calls."""
    far.calls.append(run.key)
    far.called.set()
    await far.answers.wait()


@pytest.fixture
async def relay(database: Database) -> AsyncIterator[SilentRelay]:
    async with silent_relay(database.url) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops that rest for less, and connections that are given up sooner."""
    monkeypatch.setattr(scheduler_loop, "next_tick", lambda now: now + timedelta(milliseconds=200))
    for name in ("REPORT_EVERY", "WATCH_EVERY", "UPDATE_EVERY", "ANNOUNCE_EVERY", "VERIFY_EVERY"):
        monkeypatch.setattr(background, name, timedelta(milliseconds=200))
    monkeypatch.setattr("synkron.delivery.warm_up.store.EXCHANGE_EVERY", timedelta(milliseconds=200))
    monkeypatch.setattr("synkron.vendors.observer.FLUSH_EVERY", 0.2)
    monkeypatch.setattr("synkron.vendors.observer.REST", 0.1)
    monkeypatch.setattr("synkron.ledger.internal_faults.LONGEST_PAUSE", 0.5)
    monkeypatch.setattr(address, "CONNECT_TIMEOUT", 1.0)
    monkeypatch.setattr(silence, "SHORTEST_ANSWER", 0.2)
    monkeypatch.setattr("tests.postgres.test_silent_service.far", Far())


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each loop has done its work."""
    counts: Counter[str] = Counter()
    for loop, (owner, name) in WORK.items():
        monkeypatch.setattr(owner, name, _counted(getattr(owner, name), loop, counts))
    return counts


def _counted(work: Callable[..., Awaitable[Any]], loop: str, counts: Counter[str]) -> Any:
    @wraps(work)
    async def counted(*arguments: Any, **given: Any) -> Any:
        found = await work(*arguments, **given)
        # A worker that can't look finds nothing, and a listener that is not heard says so.
        counts[loop] += loop not in ("worker", "listening") or _went_well(loop, arguments[0], found)
        return found

    return counted


def _went_well(loop: str, owner: Any, found: Any) -> bool:
    return found is True if loop == "listening" else owner._failing is None


@asynccontextmanager
async def serving(relay: SilentRelay, *roles: Role) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    settings = SETTINGS.model_copy(update={"listen": "127.0.0.1:0"})
    task = asyncio.create_task(serve(relay.url, settings, roles, stop, {}))
    try:
        yield task
        assert not task.done()
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await task


async def until(connection: Connection, condition: Callable[[Connection], Awaitable[bool]]) -> None:
    await holds(lambda: condition(connection), 90)


@pytest.mark.parametrize("new", [False, True], ids=["those that are there", "new ones too, for a while"])
async def test_every_loop_goes_on(relay: SilentRelay, connection: Connection, done: Counter[str], *, new: bool) -> None:
    """And what is due is delivered."""
    far.answers.set()

    async def all_at_work(_: Connection) -> bool:
        return all(done[loop] > before[loop] + 1 for loop in WORK)

    before: Counter[str] = Counter()
    with capture_logs() as lines:
        async with serving(relay, *ALL):
            await until(connection, all_at_work)
            relay.silence(new=new)

            async def all_have_noticed(_: Connection) -> bool:
                return {line.get("loop") for line in lines} >= {"report", "scheduler", "verification"}

            if new:
                await until(connection, all_have_noticed)
                relay.answer()
            before |= done
            await until(connection, all_at_work)
            await add_integration(connection, "0 2 * * *")
            await claim(connection)
            await until(connection, _is_delivered)
    assert "silent connection dropped" in {line["event"] for line in lines}
    assert len(far.calls) == 1


async def test_what_a_target_answers_meanwhile_is_recorded(relay: SilentRelay, connection: Connection) -> None:
    """With a new connection, and before another worker takes the run over: it is called once."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with serving(relay, Role.WORKER), serving(relay, Role.WORKER):
        await far.called.wait()
        relay.silence()
        far.answers.set()
        await until(connection, _is_delivered)
    assert len(far.calls) == 1
    assert [row["outcome"] for row in await connection.fetch("select outcome from synkron.attempts")] == ["succeeded"]


async def test_other_runs_are_delivered_while_one_is_under_way(relay: SilentRelay, connection: Connection) -> None:
    """However long its target takes: that the database failed meanwhile keeps the worker from no other job."""

    async def both_are_called(_: Connection) -> bool:
        return len(far.calls) == 2

    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with serving(relay, Role.WORKER):
        await far.called.wait()
        relay.silence()
        await add_integration(connection, "0 3 * * *")
        await claim(connection, "2026-03-02T03:00:00")
        await until(connection, both_are_called)


async def test_where_only_the_listening_connection_is_lost_notifications_are_heard_again(
    relay: SilentRelay, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else would have the worker look for jobs."""
    monkeypatch.setattr("synkron.delivery.worker.POLL", timedelta(hours=1))
    is_alive, sessions = Notifications._is_alive, list[int]()

    async def seen(notifications: Notifications) -> bool:
        found = await is_alive(notifications)
        if found and notifications._listener_connection is not None:
            sessions.append(notifications._listener_connection.get_server_pid())
        return found

    async def listens(_: Connection) -> bool:
        return bool(sessions) and sessions[-1] != lost

    monkeypatch.setattr(Notifications, "_is_alive", seen)
    far.answers.set()
    lost = 0
    async with serving(relay, Role.WORKER):
        await until(connection, listens)
        lost = sessions[-1]
        await connection.execute("select pg_terminate_backend($1)", lost)
        await until(connection, listens)
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await until(connection, _is_delivered)


@pytest.mark.parametrize("roles", [ALL, *[(role,) for role in ALL]], ids="+".join)
@pytest.mark.parametrize("new", [False, True], ids=["those that are there", "new ones too"])
async def test_it_ends_when_it_is_told_to(
    relay: SilentRelay, connection: Connection, roles: tuple[Role, ...], *, new: bool
) -> None:
    """With an attempt under way, and without waiting for what the database does not answer."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with serving(relay, *roles):
        await until(connection, _is_there)
        if Role.WORKER in roles:
            await far.called.wait()
        relay.silence(new=new)


async def test_one_signal_ends_a_process_whose_database_is_silent(
    relay: SilentRelay, database: Database, connection: Connection, tmp_path: Path
) -> None:
    settings = 'heartbeat = "1h"\nshutdown_grace = "0s"\nlisten = "127.0.0.1:0"\n'
    async with process(replace(database, url=relay.url), tmp_path, "scheduler,worker,api", settings) as running:
        await until(connection, _is_there)
        relay.silence(new=True)
        running.running.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await running.running.wait() == 0


async def _is_there(connection: Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from synkron.nodes)"))


async def _is_delivered(connection: Connection) -> bool:
    return bool(await history.runs(connection, state="succeeded"))
