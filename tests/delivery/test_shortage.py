"""What is short on a worker's host costs no attempt, and nobody takes the vendor for down by it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from synkron.delivery.shortages import Shortages
from synkron.delivery.targets import Target, open_targets
from synkron.delivery.targets.lease import Terms
from synkron.errors import Refused
from synkron.ledger import history
from synkron.model import Outcome, Run
from synkron.postgres.connection import Pool
from synkron.settings.load import Settings
from synkron.shortage import Shortage
from synkron.vendors import store
from synkron.vendors.health import Verdict
from synkron.vendors.monitor import probe_now, watch_health
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import read_watches
from tests.conftest import Connection
from tests.delivery.targets.far_side import RUN, accept, far_side
from tests.support.databases import Database
from tests.support.fleet import add_integration
from tests.support.working import claim, deliver
from tests.vendors.test_monitor import NOON

NO_FILES = "this process may open no more files"


class Short:
    """A target that can't be called for so many times, as something is short here, and is then called."""

    def __init__(self, times: int, target: Target) -> None:
        self.times = times
        self._target = target

    async def call(self, run: Run, terms: Terms) -> Outcome:
        self.times -= 1
        if self.times >= 0:
            raise Shortage(NO_FILES)
        return await self._target.call(run, terms)


@asynccontextmanager
async def target(url: str) -> AsyncIterator[Target]:
    async with open_targets(Settings(types={"xledger": {"target": url}}), {}) as targets:
        yield targets["xledger"]


async def test_the_run_is_put_back_and_delivered_when_it_is_over(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More often than it has attempts, with its key, and told once when it begins and once when it is over."""
    monkeypatch.setattr("synkron.delivery.decide.FIRST_WAIT", timedelta(milliseconds=1))
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    async with far_side(accept) as there, target(there.url) as reached:
        with capture_logs() as logs:
            (run,) = await deliver(database, pool, Short(5, reached))
    assert (run.state, run.failures, run.error) == ("succeeded", 0, None)
    found = await history.run(connection, run_id)
    assert found is not None
    assert [one.outcome for one in found[1]] == [*["handed_back"] * 5, "succeeded"]
    assert {one.error for one in found[1][:5]} == {f"put back: {NO_FILES}"}
    assert [request.headers["Idempotency-Key"] for request in there.requests] == [run.key]
    told = [line for line in logs if "short" in line["event"]]
    assert [(line["event"], line["what"]) for line in told] == [
        ("short on this host", NO_FILES),
        ("no longer short on this host", NO_FILES),
    ]


async def test_a_name_service_that_fails_for_everybody(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synkron.delivery.decide.FIRST_WAIT", timedelta(milliseconds=1))
    loop, asked = asyncio.get_running_loop(), 0
    look_up = loop.getaddrinfo

    async def getaddrinfo(host: str, *arguments: Any, **named: Any) -> Any:
        nonlocal asked
        if not host.endswith(".invalid"):
            return await look_up(host, *arguments, **named)
        asked += 1
        if asked <= 4:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await look_up("127.0.0.1", *arguments, **named)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with far_side(accept) as there, target(there.url.replace("127.0.0.1", "synkron.invalid")) as reached:
        (run,) = await deliver(database, pool, reached)
    assert (run.state, run.attempt, run.failures, len(there.requests)) == ("succeeded", 5, 0, 1)
    rows = await connection.fetch("select verdict from synkron.health")
    assert {row["verdict"] for row in rows} <= {"healthy", "unknown"}
    assert {row["finding"] for row in await connection.fetch("select finding from synkron.samples")} <= {"healthy"}


async def test_after_a_day_of_it_the_run_fails_and_says_why(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a target that can't be reached from here for ever is told of like any other dead letter."""
    monkeypatch.setattr("synkron.delivery.decide.FIRST_WAIT", timedelta(milliseconds=1))
    monkeypatch.setattr("synkron.delivery.decide.MOST_PUT_BACK", 2)
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with far_side(accept) as there, target(there.url) as reached:
        (run,) = await deliver(database, pool, Short(1000, reached))
    assert (run.state, run.attempt, run.failures, run.error) == ("failed", 5, 3, NO_FILES)
    assert there.requests == []


async def test_the_next_run_of_the_integration_stays_behind_one_that_was_put_back(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "* * * * *")
    first, second = await claim(connection), await claim(connection, "2026-03-02T02:01:00")
    async with far_side(accept) as there, target(there.url) as reached:
        runs = await deliver(database, pool, Short(1, reached))
    assert [run.id for run in runs] == [*first, *second]
    assert [request.headers["Idempotency-Key"] for request in there.requests] == [run.key for run in runs]


async def test_a_probe_that_can_t_be_sent_shows_nothing_of_its_vendor(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    watched = read_watches(Settings(types={"fiken": {"health": {"url": "http://synkron.invalid/"}}}), {})
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with open_prober(watched.requests) as prober:
        with capture_logs() as logs:
            following = await watch_health(connection, watched, prober, NOON)
        assert following == NOON + timedelta(minutes=15)
        with pytest.raises(Refused, match="was not sent: the name service does not answer"):
            await probe_now(connection, watched, prober, "fiken", NOON + timedelta(hours=1))
    [known] = (await store.read_known(connection, watched.watches, NOON)).values()
    assert (known.health.verdict, known.health.failures) == (Verdict.UNKNOWN, 0)
    assert await connection.fetchval("select count(*) from synkron.samples") == 0
    assert [line["event"] for line in logs] == ["probe not sent"]


class TestTold:
    """When it begins, and when it is over."""

    def test_once_for_all_runs(self) -> None:
        told, now = Shortages(lambda: 0.0), [run(number) for number in range(3)]
        with capture_logs() as logs:
            for one in now:
                told.note(NO_FILES, one)
            for one in now:
                told.called(one)
        assert [line["event"] for line in logs] == ["short on this host", "no longer short on this host"]

    def test_each_shortage_by_itself(self) -> None:
        told = Shortages(lambda: 0.0)
        with capture_logs() as logs:
            told.note(NO_FILES, run(1))
            told.note("memory", run(2))
            told.called(run(2))
        assert [(line["event"], line["what"]) for line in logs] == [
            ("short on this host", NO_FILES),
            ("short on this host", "memory"),
            ("no longer short on this host", "memory"),
        ]

    @pytest.mark.parametrize(("seconds", "kind", "over"), [(30, "xledger", 0), (61, "xledger", 1), (61, "bufdir", 0)])
    def test_what_another_worker_delivered_is_over_after_a_while(self, seconds: float, kind: str, over: int) -> None:
        now = 0.0
        told = Shortages(lambda: now)
        told.note(NO_FILES, run(1))
        now = seconds
        with capture_logs() as logs:
            told.called(run(2, kind))
        assert len(logs) == over


def run(number: int, kind: str = "xledger") -> Run:
    return replace(RUN, id=number, integration_type=kind)
