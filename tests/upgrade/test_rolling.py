"""A rolling upgrade: the previous release's processes beside this one's, on a database that this one has migrated.

Skipped where git's history is not there (a shallow clone, a source archive).
"""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from synkron.ledger import attempts, history
from synkron.ledger.migrate import check_ledger, migrate
from synkron.model import Outcome, OutcomeKind
from synkron.postgres.statements import migrations
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings
from tests.conftest import Connection, Database
from tests.end_to_end.processes import process
from tests.end_to_end.receiver import Receiver, receiving
from tests.support.fleet import add_integration, utc
from tests.upgrade.previous import COMMIT, Previous, take_out

PATIENCE = 100.0
INTEGRATIONS = 6
MOMENTS = ("2026-03-02T02:00", "2026-03-02T02:01", "2026-03-02T02:02")
RELEASED = "0001_ledger", "68e053f8b86780b1225c987d9ce4a0163f2c2f556c2a129298088189b0adecd5"


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Previous:
    found = take_out(tmp_path_factory.mktemp("previous"))
    if found is None:
        pytest.skip(f"the previous release ({COMMIT}) is not in this clone's history")
    return found


def settings_for(receiver: Receiver) -> str:
    return f'heartbeat = "3s"\n[types.xledger]\ntarget = "{receiver.url}"\nbackoff = "100ms"\n'


async def add_integrations(connection: Connection) -> None:
    for _ in range(INTEGRATIONS):
        await add_integration(connection, "* * * * *")


async def mend_partitions(connection: Connection) -> None:
    """Give the database 0002's form of a function that, as released in 0001, fails where the planner likes."""
    text = dict(migrations())["0002_operations"]
    await connection.execute(text[text.index("create or replace function synkron.keep_partitions") :])


def of_previous(previous: Previous) -> dict[str, Any]:
    """What makes a process one of the previous release's."""
    return {"command": previous.command, **previous.environment}


async def assert_each_delivered_once(connection: Connection, receiver: Receiver) -> None:
    runs = await history.runs(connection)
    assert set(Counter((run.integration_id, run.scheduled_for) for run in runs).values()) == {1}
    assert Counter(receiver.deliveries) == {run.key: 1 for run in runs if run.started_at}
    assert {run.state for run in runs if run.started_at} == {"succeeded"}


async def test_the_previous_release_s_worker_delivers_what_this_scheduler_claims(
    database: Database, connection: Connection, previous: Previous, tmp_path: Path
) -> None:
    await add_integrations(connection)
    async with receiving() as receiver:
        for moment in MOMENTS:
            await tick(connection, Settings(), scheduler="this", at=utc(moment))
        async with process(database, tmp_path, "worker", settings_for(receiver), **of_previous(previous)) as worker:
            await receiver.until(lambda it: len(it.answered) == INTEGRATIONS * len(MOMENTS), PATIENCE)
            assert await worker.stop() == 0
        assert worker.complaints() == []
    await assert_each_delivered_once(connection, receiver)


async def test_this_worker_delivers_what_the_previous_release_s_scheduler_claims(
    database: Database, connection: Connection, previous: Previous, tmp_path: Path
) -> None:
    await add_integrations(connection)
    async with receiving() as receiver:
        for moment in MOMENTS:
            await previous.run(database, tmp_path, "tick", "--at", f"{moment}Z")
        async with process(database, tmp_path, "worker", settings_for(receiver)) as worker:
            await receiver.until(lambda it: len(it.answered) == INTEGRATIONS * len(MOMENTS), PATIENCE)
            assert await worker.stop() == 0
        assert worker.complaints() == []
    await assert_each_delivered_once(connection, receiver)


async def test_schedulers_and_workers_of_both_releases_share_the_work(
    database: Database, connection: Connection, previous: Previous, tmp_path: Path
) -> None:
    """A real minute with all four; then the previous release's leave, and the next minute goes on as well."""
    await add_integrations(connection)
    async with receiving() as receiver, AsyncExitStack() as stack:
        settings = settings_for(receiver)
        old = [
            await stack.enter_async_context(process(database, tmp_path, role, settings, **of_previous(previous)))
            for role in ("scheduler", "worker")
        ]
        new = [
            await stack.enter_async_context(process(database, tmp_path, role, settings))
            for role in ("scheduler", "worker")
        ]
        await receiver.until(lambda it: len(it.answered) == INTEGRATIONS, PATIENCE)
        for one in old:
            assert await one.stop() == 0
        await receiver.until(lambda it: len(it.answered) == 2 * INTEGRATIONS, PATIENCE)
        for one in new:
            assert await one.stop() == 0
        assert [one.complaints() for one in (*old, *new)] == [[]] * 4
    await assert_each_delivered_once(connection, receiver)
    moments = sorted({run.scheduled_for for run in await history.runs(connection)})
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(moments))


async def test_a_run_goes_from_one_release_s_lost_worker_to_the_other_s(
    database: Database, connection: Connection, previous: Previous, tmp_path: Path
) -> None:
    await add_integration(connection, "0 2 * * *")
    async with receiving() as receiver:
        settings = settings_for(receiver)
        receiver.to_hold = 1
        (run_id,) = (await tick(connection, Settings(), scheduler="this", at=utc(MOMENTS[0]))).run_ids
        for number, of_release in enumerate((of_previous(previous), {}, of_previous(previous)), start=1):
            if number == 3:
                receiver.to_hold = 0
            async with process(database, tmp_path, "worker", settings, **of_release) as worker:
                await receiver.until(partial(_came, times=number), PATIENCE)
                if number == 3:
                    assert await worker.stop() == 0
    found = await history.run(connection, run_id)
    assert found is not None
    assert found[0].state == "succeeded"
    assert [one.outcome for one in found[1]] == ["lost", "lost", "succeeded"]
    assert receiver.after_answer == []


def _came(receiver: Receiver, *, times: int) -> bool:
    return len(receiver.deliveries) == times


async def test_the_previous_release_leaves_an_accepted_run_alone(
    database: Database, connection: Connection, previous: Previous, tmp_path: Path
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = (await tick(connection, Settings(), scheduler="this", at=utc(MOMENTS[0]))).run_ids
    run = await attempts.start(connection, run_id, "w", 1)
    assert run is not None
    assert await attempts.accept(connection, run, Outcome(OutcomeKind.ACCEPTED, 202), timedelta(hours=1))
    await connection.execute("delete from synkron.queue")
    await connection.execute("update organization_integrations set is_enabled = false")
    await previous.run(database, tmp_path, "tick")
    assert await connection.fetchval("select count(*) from synkron.queue") == 0
    assert (await history.runs(connection))[0].state == "running"


async def test_a_database_of_the_previous_release_with_runs_in_it_goes_on(
    bare_database: Database, previous: Previous, tmp_path: Path
) -> None:
    await previous.run(bare_database, tmp_path, "migrate", "--with-source-tables")
    connection = await asyncpg.connect(bare_database.url)
    await mend_partitions(connection)
    await add_integrations(connection)
    async with receiving() as receiver:
        settings = settings_for(receiver)
        await previous.run(bare_database, tmp_path, "tick", "--at", f"{MOMENTS[0]}Z")
        async with process(bare_database, tmp_path, "worker", settings, **of_previous(previous)) as worker:
            await receiver.until(lambda it: len(it.answered) == INTEGRATIONS, PATIENCE)
            assert await worker.stop() == 0
        await previous.run(bare_database, tmp_path, "tick", "--at", f"{MOMENTS[1]}Z")
        assert await migrate(connection) == [name for name, _ in migrations()][1:]
        await check_ledger(connection)
        await tick(connection, Settings(), scheduler="this", at=utc(MOMENTS[2]))
        async with process(bare_database, tmp_path, "worker", settings) as worker:
            await receiver.until(lambda it: len(it.answered) == 3 * INTEGRATIONS, PATIENCE)
            assert await worker.stop() == 0
        assert worker.complaints() == []
    await assert_each_delivered_once(connection, receiver)
    await connection.close()


def test_what_was_released_is_not_edited() -> None:
    """Databases remember the checksums of what was applied, and refuse to migrate after an edit."""
    name, text = migrations()[0]
    assert (name, sha256(text.encode()).hexdigest()) == RELEASED
