"""Procrastinate: a job queue on PostgreSQL, worked by a process of its own."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from bench.peers.peer import PREPARING, WORKING, PeerFailedError, execute, missing, own_schema, program, python

if TYPE_CHECKING:
    from procrastinate import App

NAME = "Procrastinate"
PACKAGES: tuple[str, ...] = ("procrastinate", "psycopg", "psycopg-binary", "psycopg-pool")
SETTINGS = (
    "one worker process, asynchronous jobs deferred in one batch, PsycopgConnector, finished jobs kept (its default), "
    "the table analyzed before the start, as autovacuum does within a minute (without, it is several times slower); "
    "the better of 4 at once on the pool's default of 4 connections, and of the 30 at once that its guide shows, "
    "with as many connections plus one, as it advises for short jobs"
)
NOTE = (
    "from the first job started to the last one finished, by the events that it records in the database. It shows "
    "only a queue: the jobs exist already, no schedules are read, and no period or decision is stored"
)
JOBS = 5_000
QUICK_JOBS = 1_000

# Jobs at once, and connections; None is the connector's own number of them.
CONCURRENCY: tuple[tuple[int, int | None], ...] = ((4, None), (30, 31))
SCHEMA = "peer_procrastinate"
ELAPSED = f"""
    select count(*) filter (where type = 'succeeded') as jobs,
           extract(epoch from max(at) filter (where type = 'succeeded')
                              - min(at) filter (where type = 'started'))::float as seconds
    from {SCHEMA}.procrastinate_events
"""  # noqa: S608  a constant


def why_not() -> str | None:
    """Why it can't be measured here."""
    return missing(PACKAGES)


async def jobs_per_second(url: str, jobs: int) -> float:
    """The best figure of the settings tried."""
    return max([await _measured(url, jobs, at_once, connections) for at_once, connections in CONCURRENCY])


def application(url: str, connections: int | None = None) -> App:
    """The application with its one task."""
    from procrastinate import App, PsycopgConnector

    pool = {} if connections is None else {"max_size": connections}
    application = App(connector=PsycopgConnector(conninfo=url, **pool))
    application.task(name="nothing")(_nothing)
    return application


async def _measured(url: str, jobs: int, at_once: int, connections: int | None) -> float:
    async with own_schema(url, SCHEMA) as own:
        async with asyncio.timeout(PREPARING), application(own).open_async() as deferring:
            await deferring.schema_manager.apply_schema_async()
            now = datetime.now(UTC)  # noqa: TID251  the edge: due from now on
            await deferring.configure_task("nothing", schedule_at=now).batch_defer_async(*({} for _ in range(jobs)))
        # Without statistics, PostgreSQL sorts all waiting jobs to fetch one: 8 ms instead of 0.3 ms at 5,000 jobs.
        await execute(url, f"analyze {SCHEMA}.procrastinate_jobs")
        await _work(own, at_once, connections)
        connection = await asyncpg.connect(url)
        done = await connection.fetchrow(ELAPSED)
        await connection.close()
    if done is None or not done["jobs"]:
        raise PeerFailedError(f"{NAME}: no job was finished within {WORKING:.0f} s")
    return float(done["jobs"] / done["seconds"])


async def _work(url: str, at_once: int, connections: int | None) -> None:
    """Run the worker until no job is left, or its time is over."""
    application = "--app=bench.peers.procrastinate_app.app"
    command = python("procrastinate", application, "worker", f"--concurrency={at_once}", "--one-shot")
    environment = {**os.environ, "BENCH_DATABASE_URL": url, "BENCH_CONNECTIONS": str(connections or "")}
    async with program(*command, environment=environment) as worker:
        try:
            code = await asyncio.wait_for(worker.wait(), WORKING)
        except TimeoutError:
            return
    if code != 0:
        raise PeerFailedError(f"{NAME}: `{' '.join(command[1:])}` ended with {code}")


async def _nothing() -> None:
    """The job."""
