"""Many runs retried or cancelled at once: how much is asked of the database, and when their jobs fire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from synkron.errors import Refused
from synkron.model import Scope
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.runs import cancel, plan_retry, retry
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection as ServiceConnection
from synkron.postgres.connection import Pool
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, blocked, utc
from tests.support.working import QUICK, claim

# When the job of a run fires, and when the run may start.
JOBS = """
    select q.execute_after as fires, r.next_attempt_at as starts
    from synkron.runs r
    join synkron.queue q on q.payload = convert_to(r.id::text, 'UTF8')
"""
FAIL = "update synkron.runs set state = 'failed', finished_at = now(), error = 'HTTP 500' where state = 'claimed'"


async def _cancel(connection: ServiceConnection, ids: list[int]) -> object:
    return await cancel(connection, ids, "kari", "x")


async def _retry(connection: ServiceConnection, ids: list[int]) -> object:
    await connection.execute(FAIL)
    return await retry(connection, QUICK, ids, "kari")


@pytest.mark.parametrize("change", [_cancel, _retry])
async def test_many_runs_take_no_more_statements_than_one(
    connection: Connection, change: Callable[[ServiceConnection, list[int]], Awaitable[object]]
) -> None:
    for _ in range(6):
        await add_integration(connection, "0 2 * * *")
    ids = sorted(await claim(connection))
    asked: list[str] = []
    connection.add_query_logger(lambda one: asked.append(one.query))
    counts = []
    for some in (ids[:1], ids[1:2], ids[2:]):
        asked.clear()
        await change(connection, some)
        counts.append(len(asked))
    # The first asks for the types of columns too.
    assert (len(ids), counts[2]) == (6, counts[1])


async def test_more_runs_are_cancelled_than_one_notification_can_name(connection: Connection) -> None:
    """It holds less than 8,000 bytes."""
    await connection.execute("insert into organizations (name) select 'o' || n from generate_series(1, 650) n")
    await connection.execute(
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select id, 'xledger', '0 2 * * *' from organizations"
    )
    await connection.execute("select setval('synkron.queue_id_seq', 1000000000000)")
    ids = await claim(connection)
    await cancel(connection, ids, "kari", "x")
    assert await connection.fetchval("select count(*) from synkron.runs where state = 'skipped'") == len(ids) == 650
    assert await connection.fetchval("select count(*) from synkron.queue") == 0


async def test_the_integrations_of_runs_are_found_by_their_key(connection: Connection) -> None:
    """Not by going through the application's table once for each."""
    await add_integration(connection, "0 2 * * *")
    ids = await claim(connection)
    await connection.execute(FAIL)
    asked: list[tuple[str, tuple[object, ...]]] = []
    connection.add_query_logger(lambda one: asked.append((one.query, one.args)))
    async with read_transaction(connection) as now:
        await plan_retry(connection, QUICK, ids, now)
    [(query, arguments)] = [one for one in asked if "where i.id = any(" in one[0]]
    await connection.execute("set enable_seqscan = off")  # The table is small.
    plan = await connection.fetch("explain " + query, *arguments)
    assert "Index Cond: (id = ANY" in "\n".join(row[0] for row in plan)


async def test_a_cancelled_runs_next_has_a_job_that_fires_when_it_may_start(connection: Connection) -> None:
    await add_integration(connection, "0 * * * *")
    [first] = await claim(connection)
    await claim(connection, "2026-03-02T03:00:00")
    await connection.execute("delete from synkron.queue")
    await connection.execute(
        "update synkron.runs set next_attempt_at = now() + interval '4 seconds' where id <> $1", first
    )
    await cancel(connection, [first], "kari", "x")
    [job] = await connection.fetch(JOBS)
    assert job["fires"] == job["starts"]


@pytest.mark.usefixtures("no_partitions")
async def test_backfilled_again_at_a_pace_each_job_fires_when_its_run_may_start(connection: Connection) -> None:
    paced = Settings(types={"xledger": TypeSettings(pace=1)})
    await add_integration(connection, "0 * * * *")
    await tick(connection, paced, scheduler="test")
    asked = AskedBackfill(Scope(), utc("2026-03-01T00:00:00"), utc("2026-03-01T06:00:00"))
    _, ids = await backfill(connection, paced, asked, "kari")
    await cancel(connection, ids, "kari", "x")
    _, again = await backfill(connection, paced, asked, "kari")
    assert sorted(again) == sorted(ids)
    # The tick may have claimed the next hour, too.
    jobs = await connection.fetch(JOBS + "where r.id = any($1::bigint[])", ids)
    assert len(jobs) == 6
    assert [job for job in jobs if job["fires"] != job["starts"]] == []


async def test_of_two_that_wait_for_each_other_the_operation_is_refused(
    connection: Connection, database: Database, pool: Pool
) -> None:
    for _ in range(2):
        await add_integration(connection, "0 2 * * *")
    first, second = await claim(connection)
    lock = "select from synkron.runs where id = $1 for update"
    worker = await asyncpg.connect(database.superuser_url, server_settings={"deadlock_timeout": "10min"})
    transaction = worker.transaction()
    await transaction.start()
    await worker.execute(lock, second)

    async def operate() -> None:
        async with write_transaction(connection):
            await connection.execute(lock, first)
            waiting.append(asyncio.create_task(worker.execute(lock, first)))
            await blocked(pool)
            await connection.execute(lock, second)

    waiting: list[asyncio.Task[str]] = []
    with pytest.raises(Refused, match="try again"):
        await operate()
    await asyncio.gather(*waiting)
    await transaction.rollback()
    await worker.close()
