"""The service behind the distribution's PgBouncer in each mode: it claims, delivers, and outlives a restart of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from synkron.ledger import history
from synkron.postgres.connection import connected, pooled
from synkron.postgres.pooler import Mode
from synkron.service import scheduler_loop
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.pgbouncer import PgBouncer, pgbouncer, program
from tests.support.services import serving
from tests.support.working import Recorder, claim, working

pytestmark = pytest.mark.skipif(program() is None, reason="the distribution's PgBouncer is not installed")

MODES = ["session", "transaction"]


@asynccontextmanager
async def behind(database: Database, mode: str) -> AsyncIterator[tuple[PgBouncer, Database]]:
    """The pooler, and the database as it is seen from behind it."""
    async with pgbouncer(database, mode, default_pool_size=30) as running:
        yield running, replace(database, url=running.url)


@pytest.mark.parametrize("mode", MODES)
async def test_what_a_tick_claims_a_worker_delivers(database: Database, connection: Connection, mode: str) -> None:
    await add_integration(connection, "0 2 * * *")
    target = Recorder()
    async with behind(database, mode) as (pooler, _):
        async with connected(pooler.url) as ticking:
            (run_id,) = await claim(ticking)
        async with (
            watching(database) as until,
            pooled(pooler.url, size=5, by_key=True) as pool,
            working(pool, target),
        ):
            await until(nothing_queued)
    assert [call.id for call in target.calls] == [run_id]
    (run,) = await history.runs(connection)
    assert (run.state, run.http_status) == ("succeeded", 200)


@pytest.mark.waits(minutes=0.5)
@pytest.mark.parametrize("mode", MODES)
async def test_the_service_goes_on_when_the_pooler_was_restarted(
    database: Database, connection: Connection, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_loop, "next_tick", lambda now: now + timedelta(milliseconds=200))
    with capture_logs() as lines:
        async with behind(database, mode) as (pooler, seen), watching(database) as until, serving(seen):
            for restarts in range(3):
                if restarts:
                    await pooler.stop()
                    await pooler.start()
                one = await add_integration(connection, "* * * * *")
                await until(partial(_succeeded, integration_id=one))
            await until(nothing_queued)
    runs = await history.runs(connection)
    assert len({(run.integration_id, run.scheduled_for) for run in runs}) == len(runs)
    (started,) = (line for line in lines if line["event"] == "started")
    assert started["connection"] == {"session": Mode.SESSION, "transaction": Mode.TRANSACTION}[mode]
    assert any(line["event"] == "no notifications" for line in lines) is (mode == "transaction")


async def _succeeded(connection: Connection, *, integration_id: str) -> bool:
    return integration_id in {run.integration_id for run in await history.runs(connection, state="succeeded")}


async def test_a_worker_that_polls_takes_the_next_run_as_soon_as_one_has_ended(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs of one integration, one after the other: none waits for the next poll, which would never come."""
    monkeypatch.setattr("synkron.delivery.worker.POLL", timedelta(hours=1))
    one = await add_integration(connection, "0 2 * * *")
    for day in range(2, 7):
        await claim(connection, f"2026-03-{day:02}T02:00:00")
    target = Recorder(expected=5)
    async with (
        behind(database, "transaction") as (pooler, _),
        pooled(pooler.url, size=5, by_key=True) as pool,
        working(pool, target),
    ):
        async with asyncio.timeout(30):
            await target.called.wait()
    assert [call.integration_id for call in target.calls] == [one] * 5
