"""Types by the names that the application gives them, from the row through the queue to the target."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from synkron.delivery.worker import Worker
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.settings.test_type_names import NAMES
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.working import Recorder, claim

SETTINGS = Settings(types={name: TypeSettings(attempts=1, backoff=timedelta(milliseconds=1)) for name in NAMES})


async def test_a_run_of_each_is_claimed_and_delivered(database: Database, connection: Connection) -> None:
    for name in NAMES:
        await add_integration(connection, "0 2 * * *", name)
    assert len(await claim(connection, settings=SETTINGS)) == len(NAMES)
    target = Recorder()
    async with asyncpg.create_pool(database.url, min_size=1, max_size=4) as pool, watching(database) as until:
        worker = Worker(pool, SETTINGS, dict.fromkeys(NAMES, target), "w")
        running = asyncio.create_task(worker.run())
        await until(nothing_queued)
        worker.stop()
        await running
    assert sorted(run.integration_type for run in target.calls) == sorted(NAMES)
    states = await connection.fetch("select distinct state from synkron.runs")
    assert [row["state"] for row in states] == ["succeeded"]
