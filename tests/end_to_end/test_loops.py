"""The service's loops in the test's own process, until a minute that lies ahead has come."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from synkron.ledger import history, internal_faults
from synkron.operations.adopt import Adopted, AskedAdoption, adopt
from synkron.postgres.embedded import EmbeddedServer
from synkron.runtime import sleep
from synkron.service import background, scheduler_loop
from synkron.service.serve import serve
from tests.conftest import Connection
from tests.support.copies import copied, opened
from tests.support.databases import Database
from tests.support.fleet import LOOK_AGAIN, add_integration, nothing_queued, watching
from tests.support.services import BOTH, TARGET, serving
from tests.support.working import claim


@pytest.mark.waits(minutes=1)
async def test_it_goes_on_when_the_database_drops_its_connections(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection of the service is cut, three times; what becomes due is claimed and delivered all the same."""
    monkeypatch.setattr(scheduler_loop, "next_tick", lambda now: now + timedelta(milliseconds=200))
    async with watching(database) as until, serving(database):
        for _ in range(3):
            one = await add_integration(connection, "* * * * *")
            await until(partial(_succeeded, integration_id=one))
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid() and application_name = 'synkron'"
            )
        await until(nothing_queued)
    runs = await history.runs(connection)
    assert len({(run.integration_id, run.scheduled_for) for run in runs}) == len(runs)


@pytest.mark.waits(minutes=1)
async def test_a_service_waits_until_somebody_says_what_the_ledger_is(
    server: EmbeddedServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so once, and needs no restart."""
    monkeypatch.setattr(background, "REPORT_EVERY", background.ANNOUNCE_EVERY / 100)
    monkeypatch.setattr(internal_faults, "LOOK_AGAIN", 0.05)
    async with opened(database) as original:
        await add_integration(original, "* * * * *")
        await claim(original)
    stop = asyncio.Event()
    async with copied(server, database) as copy, opened(copy) as connection, watching(copy) as until:
        with capture_logs() as lines:
            service = asyncio.create_task(serve(copy.url, TARGET, BOTH, stop, {}))
            reports = 0
            while reports < 5:
                assert not service.done()
                reports += bool(await connection.fetchval("delete from synkron.nodes returning 1"))
                await sleep(LOOK_AGAIN)
            await adopt(connection, TARGET, AskedAdoption(Adopted.COPY), "kari")
            await until(_any_succeeded)
            stop.set()
            await service
        states = await connection.fetch("select state, scheduled_for from synkron.runs order by scheduled_for")
    said = [line["log_level"] for line in lines if line["event"] == "no runs are started"]
    assert said == ["error"]
    assert states[0]["state"] == "skipped"


async def _any_succeeded(connection: Connection) -> bool:
    return bool(await history.runs(connection, state="succeeded"))


async def _succeeded(connection: Connection, *, integration_id: str) -> bool:
    return integration_id in {run.integration_id for run in await history.runs(connection, state="succeeded")}
