"""PgQueuer alone: how late jobs that do nothing start which were delayed to a moment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
from pgqueuer import AsyncpgPoolDriver, Job, Queries, QueueManager

from bench.fleet import database
from bench.service import BenchFailed

# The jobs' moment lies so far ahead that they are all there before.
AHEAD = timedelta(seconds=5)
PATIENCE = 120.0
POOL = 20


def delays(moments: int, jobs: int, *, limit: int, batch: int) -> list[list[float]]:
    """For each moment the delay of each job, in milliseconds, in order. ``limit`` 0 is none; ``batch`` is what the
    queue's manager takes at once."""
    with database() as url:
        return asyncio.run(_delays(url, moments, jobs, limit, batch))


async def _delays(url: str, moments: int, jobs: int, limit: int, batch: int) -> list[list[float]]:
    async with asyncpg.create_pool(url, min_size=1, max_size=POOL) as pool:
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.install()
        manager = QueueManager(queries)
        starts: list[datetime] = []
        all_started = asyncio.Event()

        @manager.entrypoint("noop", concurrency_limit=limit)
        async def noop(job: Job) -> None:
            del job
            starts.append(datetime.now(UTC))  # noqa: TID251  the edge: when it started
            if len(starts) == jobs:
                all_started.set()

        working = asyncio.create_task(manager.run(batch_size=batch))
        found = []
        for _ in range(moments):
            starts.clear()
            all_started.clear()
            moment = await _enqueue(url, jobs)
            async with asyncio.timeout(PATIENCE):
                await all_started.wait()
            found.append(sorted((start - moment).total_seconds() * 1000 for start in starts))
        manager.shutdown.set()
        await working
        if left := await pool.fetchval("select count(*) from pgqueuer"):
            raise BenchFailed(f"{left} jobs of PgQueuer are left")
    return found


async def _enqueue(url: str, jobs: int) -> datetime:
    """Enqueue the jobs, in one transaction; answers their moment."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        now: datetime = await connection.fetchval("select now()")
        moment = (now + AHEAD).replace(microsecond=0)
        queries = Queries.from_asyncpg_connection(connection)
        await queries.enqueue(["noop"] * jobs, [None] * jobs, [0] * jobs, [moment - now] * jobs)
    await connection.close()
    return moment
