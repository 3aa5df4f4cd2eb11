"""Several nodes on one database: real processes, real PostgreSQL, real HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from synkron.ledger import history
from synkron.ledger.nodes import nodes
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.end_to_end.processes import process
from tests.end_to_end.receiver import receiving
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc, watching

PATIENCE = 100.0
MOMENT = utc("2026-03-02T02:00:00")
TYPES = Settings(types={"fiken": TypeSettings()})

POISON = """
import os, signal

def kill(run):
    os.kill(os.getpid(), signal.SIGKILL)

def export(run):
    pass
"""


async def test_a_run_that_kills_its_worker_is_given_up_and_others_are_delivered(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    poisoned = await add_integration(connection, "0 2 * * *")
    other = await add_integration(connection, "0 2 * * *", "bufdir")
    await tick(connection, TYPES, scheduler="test", at=MOMENT)
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "poison.py").write_text(POISON, "utf-8")
    settings = (
        'heartbeat = "1s"\n'
        '[types.xledger]\ntarget = "poison:kill"\nattempts = 10\n'
        '[types.bufdir]\ntarget = "poison:export"\nattempts = 10\nhealth = { mode = "passive" }\n'
    )
    killed = 0
    async with watching(database) as until, asyncio.timeout(PATIENCE):
        settled = asyncio.ensure_future(until(_settled))
        while not settled.done():
            async with process(database, tmp_path, "worker", settings, PYTHONPATH=str(modules)) as worker:
                ended = asyncio.create_task(worker.running.wait())
                await asyncio.wait({ended, settled}, return_when=asyncio.FIRST_COMPLETED)
                if settled.done():
                    assert await worker.stop() == 0
                else:
                    killed += 1
    runs = {run.integration_id: run for run in await history.runs(connection)}
    assert killed == 3
    assert (runs[poisoned].state, runs[poisoned].error) == ("failed", "given up: it lost its worker 3 times")
    assert runs[other].state == "succeeded"


async def _all_reported(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(*) = 4 from synkron.nodes"))


async def _both_ticked(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(distinct scheduler) = 2 from synkron.ticks"))


async def _settled(connection: Connection) -> bool:
    return bool(await connection.fetchval("select bool_and(finished_at is not null) from synkron.runs"))


async def test_workers_take_each_other_s_runs_over(database: Database, connection: Connection, tmp_path: Path) -> None:
    """One is killed, and the other has its runs after the heartbeat; that one is told to stop, and a third has them."""
    for kind in ["xledger", "fiken"] * 4:
        await add_integration(connection, "0 2 * * *", kind)
    async with receiving() as receiver:
        receiver.to_hold = 8
        first = f'heartbeat = "2s"\nshutdown_grace = "0s"\n[types.xledger]\ntarget = "{receiver.url}"\n'
        both = f'{first}[types.fiken]\ntarget = "{receiver.url}"\n'
        async with process(database, tmp_path, "worker", first) as killed:
            # The first worker knows one type alone, so that the second one's runs are the second one's.
            await tick(connection, TYPES, scheduler="test", at=MOMENT)
            await receiver.until(lambda it: len(it.held) == 4, PATIENCE)
            taken = set(receiver.held)
            async with process(database, tmp_path, "worker", both) as stopped:
                await receiver.until(lambda it: len(it.held) == 8, PATIENCE)
                receiver.to_hold = 0
                await killed.kill()
                await receiver.until(lambda it: set(it.answered) == taken, PATIENCE)
                async with process(database, tmp_path, "worker", both) as third:
                    assert await stopped.stop() == 0
                    await receiver.until(lambda it: len(it.answered) == 8, PATIENCE)
                    assert await third.stop() == 0
                    assert third.complaints() == []
    assert receiver.after_answer == []
    assert set(Counter(receiver.deliveries).values()) == {2}
    outcomes: Counter[tuple[str | None, ...]] = Counter()
    for run in await history.runs(connection):
        found = await history.run(connection, run.id)
        assert found is not None
        outcomes[run.integration_type, *(one.outcome for one in found[1])] += 1
    assert outcomes == {("xledger", "lost", "succeeded"): 4, ("fiken", "handed_back", "succeeded"): 4}
    states = {int(one.name.split(":")[1]): one.state for one in await nodes(connection, timedelta(seconds=2))}
    assert states == {killed.pid: "running", stopped.pid: "stopped", third.pid: "stopped"}


@pytest.mark.waits(minutes=1)
async def test_two_schedulers_and_two_workers_of_which_one_each_goes(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    """Every moment is claimed and delivered once, before and after."""
    for _ in range(6):
        await add_integration(connection, "* * * * *")
    async with receiving() as receiver:
        settings = f'heartbeat = "3s"\n[types.xledger]\ntarget = "{receiver.url}"\n'

        async with (
            process(database, tmp_path, "scheduler", settings) as scheduler,
            process(database, tmp_path, "scheduler", settings) as other_scheduler,
            process(database, tmp_path, "worker", settings) as worker,
            process(database, tmp_path, "worker", settings) as other_worker,
            watching(database) as until,
        ):
            await receiver.until(lambda it: len(it.answered) == 6, PATIENCE)
            await until(_both_ticked)
            # Who has not started yet can't be told to stop: the other worker may have had all the runs.
            await until(_all_reported)
            await scheduler.kill()
            assert await worker.stop() == 0
            await receiver.until(lambda it: len(it.answered) == 12, PATIENCE)
            assert await other_scheduler.stop() == 0
            assert await other_worker.stop() == 0
    assert receiver.after_answer == []
    assert set(Counter(receiver.deliveries).values()) == {1}
    runs = await history.runs(connection)
    assert set(Counter((run.integration_id, run.scheduled_for) for run in runs).values()) == {1}
    moments = sorted({run.scheduled_for for run in runs})
    assert len(runs) == 6 * len(moments)
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(moments))
    names = {row["scheduler"] for row in await connection.fetch("select distinct scheduler from synkron.ticks")}
    assert {int(name.split(":")[1]) for name in names} == {scheduler.pid, other_scheduler.pid}
    for survivor in (other_scheduler, worker, other_worker):
        assert survivor.complaints() == []
