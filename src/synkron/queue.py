"""PgQueuer, the engine that executes runs, set up in Synkron's own schema."""

from __future__ import annotations

from typing import cast

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.settings import DBSettings

from synkron.database import Executor, Pool

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
    return QueueManager(_queries(AsyncpgPoolDriver(pool)), channel=QUEUE.channel)


def _queries(driver: AsyncpgDriver | AsyncpgPoolDriver) -> Queries:
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(QUEUE),
        qbq=QueryQueueBuilder(QUEUE),
        qbs=QuerySchedulerBuilder(QUEUE),
    )
