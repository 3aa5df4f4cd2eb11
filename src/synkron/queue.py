"""PgQueuer, the engine that executes runs, set up in Synkron's own schema."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import JOB_STATUS

from synkron.database import Executor, Pool
from synkron.sql import statements

# Every name is given, so that a PGQUEUER_* variable meant for the application's own queue can't reach this one.
QUEUE = DBSettings(
    prefix="",
    db_schema="synkron",
    channel="synkron_queue",
    function="queue_changed",
    statistics_table="queue_statistics",
    queue_status_type="queue_status",
    queue_table="queue",
    queue_table_log="queue_log",
    trigger="queue_changed",
    schedules_table="queue_schedules",
)


def queue_on(connection: Executor) -> Queries:
    """The queue's statements; on one connection, what is enqueued is part of its transaction."""
    if isinstance(connection, asyncpg.Pool):
        return _queries(AsyncpgPoolDriver(connection))
    return _queries(AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection)))


def queue_manager(pool: Pool) -> QueueManager:
    """A worker's end of the queue. The pool needs room for the listener and at least one more connection."""
    return QueueManager(_queries(AsyncpgPoolDriver(pool), _OwnJobs), channel=QUEUE.channel)


class _OwnJobs(Queries):
    """Ends and puts back only what is still this worker's.

    A worker that was stopped for long comes back with a job that the queue has given to another; ended under that
    one's hands, the run would look as if nobody had it.
    """

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        held = await self._still_held([job for job, _, _ in job_status])
        await super().log_jobs([one for one in job_status if one[0].id in held])

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        if await self._still_held([job]):
            await super().retry_job(job, delay, traceback_record)

    async def _still_held(self, jobs: list[Job]) -> set[int]:
        rows = await self.driver.fetch(
            statements("queue")["still_held"], [job.id for job in jobs], [job.queue_manager_id for job in jobs]
        )
        return {cast("int", row["id"]) for row in rows}


def _queries(driver: AsyncpgDriver | AsyncpgPoolDriver, kind: type[Queries] = Queries) -> Queries:
    return kind(
        driver,
        qbe=QueryBuilderEnvironment(QUEUE),
        qbq=QueryQueueBuilder(QUEUE),
        qbs=QuerySchedulerBuilder(QUEUE),
    )
