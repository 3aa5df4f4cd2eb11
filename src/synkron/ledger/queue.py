"""PgQueuer, the engine that executes runs, set up in Synkron's own schema."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NoReturn, cast

import asyncpg
from asyncpg import Record
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.buffers import HeartbeatBuffer, JobStatusLogBuffer
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import JOB_STATUS, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from synkron.postgres.connection import DRIVER_FAULTS, Executor, Pool
from synkron.postgres.notifications import Notifications
from synkron.postgres.statements import statements
from synkron.runtime import log, sleep

SQL = statements("ledger/queue")
# How many heartbeats a worker sends in the time after which it is considered dead.
SIGNS_OF_LIFE = 4
# Seconds. Jobs that are done are ended together within this time, which makes room for others under their type's limit.
END_WITHIN = 0.01


# Every name is given, so that a PGQUEUER_* variable for the application's own queue can't change this one.
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
    """The queue's statements. On a single connection, enqueuing is part of its transaction."""
    if isinstance(connection, asyncpg.Pool):
        return _queries(AsyncpgPoolDriver(connection))
    return _queries(AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection)))


def queue_tables() -> str:
    """The statements that make the queue's tables, types, indexes and triggers."""
    return QueryBuilderEnvironment(QUEUE).build_install_query(create_schema=False)


async def enqueue(connection: Executor, runs: Sequence[Record]) -> int:
    """Enqueue a job for each run, to start after its ``wait``. Returns how many.

    A superfluous job is harmless, because a run starts only once. If this process is lost before it has enqueued the
    job of a run whose turn it is, ``claims.requeue_lost`` does it.
    """
    if runs:
        kinds, ids = [run["integration_type"] for run in runs], [run["id"] for run in runs]
        await connection.execute(SQL["enqueue"], kinds, ids, [max(run["wait"], timedelta()) for run in runs])
    return len(runs)


class Manager(QueueManager):
    """A worker's access to the queue. The pool needs room for the listener and at least one more connection.

    It takes jobs, and ``keep_alive`` sends one heartbeat for all that are under way. (PgQueuer has two tasks and a
    timer for each job, which took a tenth of a busy worker's time.) ``cancellation`` is set when a notification says
    that runs were cancelled, which may be false.
    """

    def __init__(self, pool: Pool) -> None:
        notifications = Notifications(pool)
        super().__init__(_queries(notifications, _OwnJobs), channel=QUEUE.channel)
        self.cancellation = notifications.cancellation
        self.keep_listening = notifications.keep_listening
        self._ending: asyncio.TimerHandle | None = None

    async def keep_alive(self, heartbeat: timedelta) -> NoReturn:
        """Until cancelled, send heartbeats for the jobs under way. One or two of them may fail."""
        every = (heartbeat / SIGNS_OF_LIFE).total_seconds()
        wait = every
        while True:
            await sleep(wait)
            wait = every
            try:
                if self.job_context:
                    await self.queries.update_heartbeat(list(self.job_context))
            except DRIVER_FAULTS as error:
                # Try again soon: it may have taken a while to notice that the connection is silent.
                wait = every / SIGNS_OF_LIFE
                log.warning("heartbeat not sent", reason=str(error) or type(error).__name__)

    async def _run_periodic_health_check(self, interval: timedelta = timedelta()) -> None:
        """Do nothing: no test notifications are sent. A lost notification only costs the time until the next poll."""

    async def _effective_dequeue_timeout(self, dequeue_timeout: timedelta) -> timedelta:
        """When to look again; the longest wait if the database fails."""
        if self.shutdown.is_set():
            return timedelta()
        try:
            return await super()._effective_dequeue_timeout(dequeue_timeout)
        except DRIVER_FAULTS:
            return dequeue_timeout

    async def _dispatch(
        self, job: Job, jbuff: JobStatusLogBuffer, hbuff: HeartbeatBuffer, heartbeat_timeout: timedelta
    ) -> None:
        del heartbeat_timeout
        await super()._dispatch(job, jbuff, hbuff, timedelta())
        if self._ending is None:
            self._ending = asyncio.get_running_loop().call_later(END_WITHIN, self._end, jbuff)

    def _end(self, jbuff: JobStatusLogBuffer) -> None:
        """End the jobs that are done. PgQueuer would keep them for a tenth of a second, in the place of others."""
        self._ending = None
        jbuff.schedule_flush()


class _OwnJobs(Queries):
    """Takes jobs with Synkron's own statement, and ends and puts back only jobs that still belong to this worker.

    A worker that was stopped for long may have a job that the queue has meanwhile given to another worker. If it ended
    that job, the run would seem to have no worker. The queue's log is not written, because the ledger has more.
    """

    driver: Notifications
    _limits: Mapping[QueueEntrypoint, int] = MappingProxyType({})
    _failing: str | None = None
    _done: Sequence[Job] = ()

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        del global_concurrency_limit  # a worker has none
        self._limits = {name: one.concurrency_limit for name, one in entrypoints.items()}
        types, limits = list(self._limits), list(self._limits.values())
        self.driver.looked()
        if self._done and not await self._end():
            # It might take a job again that is done, and then end it in the middle of the call.
            self._report("finished jobs can't be ended")
            return []
        try:
            rows = await self.driver.fetch(SQL["take"], batch_size, types, limits, queue_manager_id, heartbeat_timeout)
        except DRIVER_FAULTS as error:
            # If this were raised, PgQueuer would wait for every attempt under way before it takes another job.
            self._report(str(error) or type(error).__name__)
            return []
        self._report(None)
        # The database's types fit the model. Validating each again would double the time of this method.
        return [Job.model_construct(None, **cast("dict[str, Any]", row)) for row in rows]

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Whether a job can be taken. Jobs that wait for their type's limit do not count: the end of a job wakes us."""
        limits = [self._limits.get(name, 0) for name in entrypoints]
        (row,) = await self.driver.fetch(SQL["any_to_take"], entrypoints, limits)
        return int(cast("bool", row["exists"]))

    # The same question, asked again to find jobs that came in the meantime.
    queued_work = eligible_queued_work

    def _report(self, failing: str | None) -> None:
        """Log once that jobs can't be taken, and why, and once that they can be taken again."""
        if failing is not None and failing != self._failing:
            log.warning("no jobs taken", reason=failing)
        elif failing is None and self._failing is not None:
            log.info("taking jobs again")
        self._failing = failing

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        """End the jobs. If the database fails, they are ended with the next ones, or when jobs can be taken again.

        If this raised, PgQueuer would log a traceback ten times a second until then.
        """
        was_behind = bool(self._done)
        self._done = [*self._done, *(job for job, _, _ in job_status)]
        await self._end(was_behind=was_behind)

    async def _end(self, *, was_behind: bool = True) -> bool:
        """End the jobs that are done. Returns whether that succeeded."""
        jobs, self._done = self._done, ()
        try:
            await self.driver.execute(SQL["end"], [job.id for job in jobs], [job.queue_manager_id for job in jobs])
        except DRIVER_FAULTS as error:
            self._done = [*jobs, *self._done]
            if not was_behind:
                log.warning("jobs not ended", jobs=len(jobs), reason=str(error) or type(error).__name__)
            return False
        self.driver.ended()
        return True

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        """Put the job back. If the database fails, another worker takes it over when its heartbeats stop."""
        try:
            (row,) = await self.driver.fetch(SQL["still_held"], job.id, job.queue_manager_id)
            if row["exists"]:
                await super().retry_job(job, delay, traceback_record)
        except DRIVER_FAULTS as error:
            log.warning("job not put back", job_id=job.id, reason=str(error) or type(error).__name__)


def _queries(driver: AsyncpgDriver | AsyncpgPoolDriver, kind: type[Queries] = Queries) -> Queries:
    return kind(
        driver,
        qbe=QueryBuilderEnvironment(QUEUE),
        qbq=QueryQueueBuilder(QUEUE),
        qbs=QuerySchedulerBuilder(QUEUE),
    )
