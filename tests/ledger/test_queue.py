"""How workers take jobs: what may start, the oldest first, within each type's limit, one worker after the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg import Record
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter, QueueRepositoryPort
from structlog.testing import capture_logs

from synkron.ledger.queue import SQL, Manager
from synkron.postgres.connection import Executor, Pool
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, holds
from tests.support.working import QUICK, Recorder, claim, working

pytestmark = pytest.mark.each_server

HALF_A_MINUTE = timedelta(seconds=30)
ME, ANOTHER = UUID(int=1), UUID(int=2)


async def take(
    executor: Executor, limits: dict[str, int], *, most: int = 10, taker: UUID = ME, patience: timedelta = HALF_A_MINUTE
) -> list[Record]:
    return await executor.fetch(SQL["take"], most, list(limits), list(limits.values()), taker, patience)


async def enqueue(connection: Connection, kind: str, *seconds: float) -> None:
    """Jobs that may start so many seconds from now; each one's run has the number of its place."""
    waits = [timedelta(seconds=one) for one in seconds]
    await connection.execute(SQL["enqueue"], [kind] * len(waits), list(range(len(waits))), waits)


def runs(rows: list[Record]) -> list[Any]:
    return [int(row["payload"]) for row in rows]


async def test_the_oldest_first_and_none_ahead_of_its_moment(connection: Connection) -> None:
    await enqueue(connection, "xledger", -1, -3, 60, -2)
    assert runs(await take(connection, {"xledger": 0}, most=2)) == [1, 3]
    assert runs(await take(connection, {"xledger": 0})) == [0]
    assert await take(connection, {"xledger": 0}) == []


async def test_each_type_has_its_own_limit_and_none_starves_another(connection: Connection) -> None:
    await enqueue(connection, "xledger", *[-2] * 20)
    await enqueue(connection, "bufdir", -1, -1)
    await enqueue(connection, "unknown", -1)
    limits = {"xledger": 3, "bufdir": 0}
    assert Counter(row["entrypoint"] for row in await take(connection, limits)) == {"xledger": 3, "bufdir": 2}
    assert await take(connection, limits) == []
    await connection.execute(
        "delete from synkron.queue where id = (select id from synkron.queue where entrypoint = 'xledger' "
        "and status = 'picked' limit 1)"
    )
    assert len(await take(connection, limits, taker=ANOTHER)) == 1


async def test_a_limit_below_what_is_out_already(connection: Connection) -> None:
    await enqueue(connection, "xledger", *[-1] * 5)
    assert len(await take(connection, {"xledger": 4})) == 4
    assert await take(connection, {"xledger": 2}) == []


async def test_what_gave_no_sign_of_life_is_taken_over_whatever_the_limit(connection: Connection) -> None:
    await enqueue(connection, "xledger", -1, -1)
    assert len(await take(connection, {"xledger": 2}, taker=ANOTHER)) == 2
    await connection.execute(
        "update synkron.queue set heartbeat = heartbeat - interval '31 s' where payload = convert_to('1', 'UTF8')"
    )
    (taken,) = await take(connection, {"xledger": 2})
    assert (runs([taken]), taken["queue_manager_id"]) == ([1], ME)
    assert await take(connection, {"xledger": 2}) == []


@pytest.mark.parametrize("limit", [0, 70])
async def test_workers_that_take_at_once(connection: Connection, pool: Pool, limit: int) -> None:
    """No job twice, and never more out than the limit."""
    await enqueue(connection, "xledger", *[-1] * 200)
    took = await asyncio.gather(*(take(pool, {"xledger": limit}, most=25, taker=uuid4()) for _ in range(10)))
    taken = [row["id"] for rows in took for row in rows]
    assert len(taken) == len(set(taken)) == (limit or 200)


async def test_a_job_that_is_anothers_by_now_is_not_ended(connection: Connection) -> None:
    await enqueue(connection, "xledger", -1)
    (job,) = await take(connection, {"xledger": 0}, taker=ANOTHER)
    await connection.execute(SQL["end"], [job["id"]], [ME])
    assert await connection.fetchval("select count(*) from synkron.queue") == 1
    await connection.execute(SQL["end"], [job["id"]], [ANOTHER])
    assert await connection.fetchval("select count(*) from synkron.queue") == 0


async def test_jobs_under_way_give_a_sign_of_life_together(database: Database, connection: Connection) -> None:
    """Though each job asks for none, they all stay their worker's for as long as they run."""
    for _ in range(3):
        await add_integration(connection, "0 2 * * *")
    await claim(connection)
    release = asyncio.Event()
    target = Recorder(wait=release, expected=3)
    settings = QUICK.model_copy(update={"heartbeat": timedelta(milliseconds=400)})
    async with asyncpg.create_pool(database.url, min_size=1, max_size=5) as pool, working(pool, target, settings):
        await target.called.wait()
        began = await connection.fetchval("select max(heartbeat) from synkron.queue")
        # Longer than a worker is waited for that gives none.
        await holds(
            lambda: connection.fetchval(
                "select min(heartbeat) > $1::timestamptz + interval '1 s' from synkron.queue", began
            ),
            20,
        )
        release.set()
    assert len(target.calls) == 3


@pytest.fixture
async def superuser(database: Database) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database.superuser_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def away(connection: Connection) -> AsyncIterator[None]:
    """The queue is not there."""
    await connection.execute("alter table synkron.queue rename to queue_away")
    try:
        yield
    finally:
        await connection.execute("alter table synkron.queue_away rename to queue")


async def taken(queries: QueueRepositoryPort) -> list[Job]:
    xledger = EntrypointExecutionParameter(concurrency_limit=0)
    return await queries.dequeue(10, {QueueEntrypoint("xledger"): xledger}, QueueManagerId(ME), None, HALF_A_MINUTE)


@pytest.mark.own_database
async def test_jobs_that_the_database_does_not_end_are_told_of_once_and_ended_later(
    superuser: Connection, pool: Pool
) -> None:
    """Not by PgQueuer, which would log a traceback ten times a second."""
    await enqueue(superuser, "xledger", -1, -1)
    queries = Manager(pool).queries
    one, other = await taken(queries)
    with capture_logs() as lines:
        async with away(superuser):
            await queries.log_jobs([(one, "successful", None)])
            await queries.log_jobs([(other, "successful", None)])
        assert await taken(queries) == []
    assert [(line["event"], line["jobs"]) for line in lines] == [("jobs not ended", 1)]
    assert await superuser.fetchval("select count(*) from synkron.queue") == 0


@pytest.mark.own_database
async def test_a_job_that_the_database_does_not_take_back_is_left_to_whoever_misses_its_sign_of_life(
    superuser: Connection, pool: Pool
) -> None:
    await enqueue(superuser, "xledger", -1)
    queries = Manager(pool).queries
    (job,) = await taken(queries)
    with capture_logs() as lines:
        async with away(superuser):
            await queries.retry_job(job, timedelta(), None)
    assert [line["event"] for line in lines] == ["job not put back"]
    assert await superuser.fetchval("select status::text from synkron.queue") == "picked"
