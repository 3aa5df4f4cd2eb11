"""The transactions in which operators look and change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from asyncpg.exceptions import DeadlockDetectedError, LockNotAvailableError

from synkron.errors import Refused
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.source.queries import secure


@asynccontextmanager
async def looking(connection: Connection) -> AsyncIterator[datetime]:
    """A read-only transaction that sees one state of things; gives the database's clock."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await secure(connection)
        yield await database_clock(connection)


@asynccontextmanager
async def changing(connection: Connection) -> AsyncIterator[datetime]:
    """A transaction in which nobody else operates and no tick is under way; gives the database's clock.

    Raises Refused when a tick, or somebody else's operation, has not ended within 30 s, and where a worker's statement
    and this transaction wait for each other.
    """
    try:
        async with connection.transaction(isolation="read_committed"):
            await secure(connection)
            await connection.execute(statements("operations/operations")["alone"])
            yield await database_clock(connection)
    except LockNotAvailableError:
        raise Refused(
            "A tick or another operation has been at work for 30 s, and this one must wait for it. Nothing was "
            "changed; try again, and look at `synkron nodes`."
        ) from None
    except DeadlockDetectedError:
        raise Refused("A worker was busy with the same runs at this moment. Nothing was changed; try again.") from None
