"""APScheduler 3: a scheduler inside a process, whose jobs are rows of a store in the same PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from bench.peers.peer import WORKING, PeerFailedError, execute, missing, own_schema

if TYPE_CHECKING:
    from apscheduler.events import SchedulerEvent
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

NAME = "APScheduler"
PACKAGES: tuple[str, ...] = ("apscheduler", "sqlalchemy", "psycopg", "psycopg-binary")
SETTINGS = (
    "AsyncIOScheduler with its default executor and coroutines, SQLAlchemyJobStore on PostgreSQL (which its guide "
    "recommends) through psycopg; misfire_grace_time=None, as with its default of 1 s it skipped 2,000 of 2,000"
)
NOTE = (
    "from the moment at which all became due to the last job run and the last row written. It shows a scheduler "
    "inside one process: the store keeps the next moment of a job and nothing of what ran, two schedulers may not "
    "share it, and a crash repeats or loses what was being fired"
)
JOBS = 2_000
QUICK_JOBS = 500

SCHEMA = "peer_apscheduler"


def why_not() -> str | None:
    """Why it can't be measured here."""
    return missing(PACKAGES)


async def jobs_per_second(url: str, jobs: int) -> float:
    """Fire so many cron jobs that became due at one moment."""
    from apscheduler import events

    async with own_schema(url, SCHEMA) as own:
        scheduler = _scheduler(own)
        counts = {events.EVENT_JOB_SUBMITTED: 0, events.EVENT_JOB_EXECUTED: 0}
        last, done = 0.0, asyncio.Event()

        # Submitted is told of all jobs when the last one's next moment is in the store; executed, of each one.
        def heard(event: SchedulerEvent) -> None:
            nonlocal last
            counts[event.code] += 1
            last = perf_counter()
            if min(counts.values()) >= jobs:
                done.set()

        scheduler.start(paused=True)
        try:
            _add(scheduler, jobs)
            await execute(url, f"analyze {SCHEMA}.apscheduler_jobs")
            scheduler.add_listener(heard, sum(counts))
            began = perf_counter()
            scheduler.resume()
            try:
                await asyncio.wait_for(done.wait(), WORKING)
            except TimeoutError:
                raise PeerFailedError(f"{NAME}: not all of {jobs:,} jobs ran within {WORKING:.0f} s") from None
            return jobs / (last - began)
        finally:
            scheduler.shutdown()


def _scheduler(url: str) -> AsyncIOScheduler:
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    store = SQLAlchemyJobStore(url=url.replace("postgresql://", "postgresql+psycopg://", 1))
    return AsyncIOScheduler(jobstores={"default": store}, timezone=UTC)


def _add(scheduler: AsyncIOScheduler, jobs: int) -> None:
    from apscheduler.triggers.cron import CronTrigger

    due = datetime.now(UTC)  # noqa: TID251  the edge: this is when they become due
    for number in range(jobs):
        scheduler.add_job(
            f"{__name__}:nothing",
            CronTrigger.from_crontab("0 2 * * *", timezone=UTC),
            id=str(number),
            next_run_time=due,
            misfire_grace_time=None,
        )


async def nothing() -> None:
    """The job."""
