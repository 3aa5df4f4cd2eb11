"""`kill -9` of `synkron up` in the middle of a minute, and a restart: real processes, real PostgreSQL, real HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from synkron.ledger import history
from tests.conftest import Connection
from tests.end_to_end.receiver import Receiver, receiving
from tests.support.databases import Database
from tests.support.fleet import add_integration

SYNKRON = str(Path(sys.executable).with_name("synkron"))
INTEGRATIONS = 12
PATIENCE = 100.0


@asynccontextmanager
async def up(database: Database, receiver: Receiver, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`synkron up` on the test's database; killed at the end if it is still there."""
    text = f'heartbeat = "3s"\n[types.xledger]\ntarget = "{receiver.url}"\nhealth = {{ mode = "passive" }}\n'
    (folder / "synkron.toml").write_text(text, "utf-8")
    process = await asyncio.create_subprocess_exec(
        SYNKRON,
        "up",
        cwd=folder,
        env={**os.environ, "SYNKRON_DATABASE_URL": database.url},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


# requirement R17.2
@pytest.mark.waits(minutes=1)
async def test_killed_in_the_middle_of_a_minute(database: Database, connection: Connection, tmp_path: Path) -> None:
    """Half of the minute's runs have finished, half are under way. Each occurrence stands in the tables once, the
    finished ones are not delivered again, and the others come back with the same key."""
    for _ in range(INTEGRATIONS):
        await add_integration(connection, "* * * * *")
    async with receiving() as receiver:
        held = receiver.held
        receiver.to_hold = INTEGRATIONS // 2
        async with up(database, receiver, tmp_path) as process:
            await receiver.until(lambda it: len(it.deliveries) == INTEGRATIONS, PATIENCE)
            await _finished(connection, INTEGRATIONS // 2)
            process.kill()
            await process.wait()
        finished = {run.key for run in await history.runs(connection, state="succeeded")}
        assert (len(finished), len(held)) == (INTEGRATIONS // 2, INTEGRATIONS // 2)
        assert finished.isdisjoint(held)

        receiver.to_hold = 0
        async with up(database, receiver, tmp_path) as process:
            await receiver.until(lambda it: held <= set(it.answered), PATIENCE)
            await receiver.until(lambda it: len(it.answered) == 2 * INTEGRATIONS, PATIENCE)
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0

    runs = await history.runs(connection)
    assert receiver.after_answer == []
    assert Counter(receiver.deliveries) == {run.key: 2 if run.key in held else 1 for run in runs if run.started_at}
    slots = Counter((run.integration_id, run.scheduled_for) for run in runs)
    assert set(slots.values()) == {1}
    moments = sorted({run.scheduled_for for run in runs})
    assert len(runs) == INTEGRATIONS * len(moments)
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(moments))
    assert {run.state for run in runs if run.started_at} == {"succeeded"}
    for key in held:
        (run,) = [run for run in runs if run.key == key]
        found = await history.run(connection, run.id)
        assert found is not None
        assert [attempt.outcome for attempt in found[1]] == ["lost", "succeeded"]


async def test_stopped_with_a_signal_it_finishes_or_hands_back(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    """SIGTERM, and again: what hangs is handed back, nothing is lost, and the exit code says that all is well."""
    one = await add_integration(connection, "* * * * *")
    async with receiving() as receiver:
        receiver.to_hold = 1
        async with up(database, receiver, tmp_path) as process:
            await receiver.until(lambda it: len(it.deliveries) == 1, PATIENCE)
            process.send_signal(signal.SIGTERM)
            await connection.execute("update organization_integrations set is_enabled = false")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    (run,) = [run for run in await history.runs(connection) if run.started_at]
    assert (run.integration_id, run.state, run.failures) == (one, "claimed", 0)
    assert await connection.fetchval("select count(*) from synkron.running") == 0
    assert await connection.fetchval("select count(*) from synkron.queue where status = 'queued'") >= 1


async def _finished(connection: Connection, number: int) -> None:
    """Wait until so many runs have finished: a job that ends is deleted, and the queue says so."""
    changed = asyncio.Event()
    await connection.add_listener("synkron_queue", lambda *_: changed.set())
    async with asyncio.timeout(PATIENCE):
        while len(await history.runs(connection, state="succeeded")) < number:
            await changed.wait()
            changed.clear()
