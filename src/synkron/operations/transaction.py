"""The transactions of operations: one to read, one to change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from asyncpg.exceptions import DeadlockDetectedError, LockNotAvailableError

from synkron.errors import Advice, Refused
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements


@asynccontextmanager
async def read_transaction(connection: Connection) -> AsyncIterator[datetime]:
    """A read-only transaction with one snapshot; yields the database's time."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        yield await database_clock(connection)


@asynccontextmanager
async def write_transaction(connection: Connection) -> AsyncIterator[datetime]:
    """A transaction that excludes other operations and ticks; yields the database's time.

    Raises Refused if a tick or another operation does not end within 30 s, and on a deadlock with a worker.
    """
    try:
        async with connection.transaction(isolation="read_committed"):
            await connection.execute(statements("operations/operations")["alone"])
            yield await database_clock(connection)
    except LockNotAvailableError:
        raise Refused(
            "A tick or another operation has been running for 30 s, and this one has to wait for it. Nothing was "
            "changed; try again.",
            Advice.LIST_NODES,
        ) from None
    except DeadlockDetectedError:
        raise Refused("A worker was changing the same runs. Nothing was changed; try again.") from None
