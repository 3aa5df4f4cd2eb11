"""A rolling upgrade: the previous release's processes beside this one's, on a database that this one has migrated.

Before the first release, an early state of the tree stands for the previous release: see ``previous``. Tests that need
it are skipped where git's history is not there (a shallow clone, a source archive).
"""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from synkron.errors import Refused
from synkron.ledger import history
from synkron.ledger.migrate import check_ledger, checksum, create_source_tables, migrate
from synkron.postgres.statements import migrations
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, SourceTables
from tests.conftest import Connection
from tests.end_to_end.processes import process
from tests.end_to_end.receiver import Receiver, receiving
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc
from tests.support.turns import accept, start
from tests.upgrade.previous import COMMIT, Previous, take_out

PATIENCE = 100.0
INTEGRATIONS = 6
MOMENTS = ("2026-03-02T02:00", "2026-03-02T02:01", "2026-03-02T02:02")
LATER = "9999_later", "alter table synkron.runs add column added text not null default 'later'"
RELEASED = {
    "0001_ledger": "d8b52304af2b0dcf557c35e68eb40ff987bc19409205fe39fb10c701aa8694ea",
    "0002_partitions_and_triggers": "abfd5d285ee86ee77d10b66ab93347db34e832235a157a2caf724eefb9279038",
    "0003_queue": "6c877f73ccb2e2d1032d84dacdcd4a735d3b11b2a31c8a71ae40cb9989b779db",
    "0004_operations": "443d0e8af43cae59a5996cf9d8403d3eab441015f8ba6e61ea6549c42a11ec24",
    "0005_health_and_incidents": "a5251f027a81e706cee1ff83d6fd97615d62a8e934e8fd93b7174d3aa555dfd1",
    "0006_installation": "45ab7200f61e15c7956e9a040deda4f521eb74be8c18e2e0dd3d84059d422f0f",
    "0007_grants_alone": "9481bc731edb96acc10386c7ecdbda35c3c3ea1f8312e18f50559ec9c3eb2293",
    "0008_second_clock": "e280b3bcbea07f8210aa88cadd65a2f6f5f87641cf8eb2b277d59d6fda45a46e",
    "0009_mirror": "e8145cb3db616574b08f3d49f476710de462fffc53c0ffe8307cdde6f85597b3",
    "0010_reports": "321aa336db4af8b8440ff2b870510123ac490b50279f2bbeec454c4761eabcf9",
    "0011_access": "98f4ab3d7a98930ad255f6e72cd2cf106f06efc2953d2795fa6ad60f54583e01",
    "0012_overview": "eece777789f3561dc975672419e7300d235084459410ce7734932ffd1ea83a49",
    "0013_audit_scopes": "36d74c5fcec0be16e8bd8145982e4fd7e08add9abf630ed64c2971902c2f6f03",
    "0014_where_the_api_listens": "7c87c328b0724e29ed57accc554cc7b5369211138ad6ff719105269d417560f4",
    "0015_audit_scopes_of_old_entries": "b701afeea05d96cd87d86d6ae7e8da40304fb89112a079a276752e5d63148c03",
    "0016_ids_of_any_type": "3889bd67bfeb68d0728600f2e986a754ee5934296bf4bfac25f85c1471f2426b",
}


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


@pytest.mark.waits(minutes=1)
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
    run = await start(connection, run_id, "w", 1)
    assert run is not None
    assert await accept(connection, run)
    await connection.execute("delete from synkron.queue")
    await connection.execute("update organization_integrations set is_enabled = false")
    await previous.run(database, tmp_path, "tick")
    assert await connection.fetchval("select count(*) from synkron.queue") == 0
    assert (await history.runs(connection))[0].state == "running"


async def test_a_later_release_s_migration_leaves_runs_and_this_one_s_processes_at_work(
    bare_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the next release will do: it migrates a database with runs in it, and this one's processes go on."""
    connection = await asyncpg.connect(bare_database.url)
    await migrate(connection)
    await create_source_tables(connection, SourceTables())
    await add_integrations(connection)
    async with receiving() as receiver:
        settings = settings_for(receiver)
        await tick(connection, Settings(), scheduler="this", at=utc(MOMENTS[0]))
        async with process(bare_database, tmp_path, "worker", settings) as worker:
            await receiver.until(lambda it: len(it.answered) == INTEGRATIONS, PATIENCE)
            await tick(connection, Settings(), scheduler="this", at=utc(MOMENTS[1]))
            with monkeypatch.context() as later:
                later.setattr("synkron.ledger.migrate.migrations", lambda: [*migrations(), LATER])
                assert await migrate(connection) == [LATER[0]]
                await check_ledger(connection)
            await receiver.until(lambda it: len(it.answered) == 2 * INTEGRATIONS, PATIENCE)
            assert await worker.stop() == 0
        await tick(connection, Settings(), scheduler="this", at=utc(MOMENTS[2]))
        async with process(bare_database, tmp_path, "worker", settings) as worker:
            await receiver.until(lambda it: len(it.answered) == 3 * INTEGRATIONS, PATIENCE)
            assert await worker.stop() == 0
        assert worker.complaints() == []
    await assert_each_delivered_once(connection, receiver)
    assert await connection.fetchval("select array_agg(distinct added) from synkron.runs") == ["later"]
    await connection.close()


async def test_a_database_from_before_the_first_release_is_refused(
    bare_database: Database, previous: Previous, tmp_path: Path
) -> None:
    await previous.run(bare_database, tmp_path, "migrate", "--with-source-tables")
    connection = await asyncpg.connect(bare_database.url)
    for ask in (migrate, check_ledger):
        with pytest.raises(Refused, match="from before the first release"):
            await ask(connection)
    await previous.run(bare_database, tmp_path, "tick", "--at", f"{MOMENTS[0]}Z")
    await connection.close()


def test_what_was_released_is_not_edited() -> None:
    """Databases remember the checksums of what was applied, and refuse to migrate after an edit.

    Before the first release, an edit changes the checksum here as well. After a release, only a new migration adds one.
    """
    assert {name: checksum(text) for name, text in migrations()} == RELEASED
