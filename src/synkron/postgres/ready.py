"""A database that is about to be there: what a service needs of it at its start is tried again for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from asyncpg import InterfaceError, PostgresError

from synkron.errors import DatabaseError, DatabaseNotReady, DatabaseUnreachable
from synkron.log import log
from synkron.postgres.connection import Connect, Connection, is_passing, speaking_of
from synkron.waiting import pause

if TYPE_CHECKING:
    from synkron.settings.load import SourceTables

# Seconds for which a service waits at its start for a database that is there and can't serve it, and between its tries.
READY_WITHIN = 60.0
TRY_EVERY = 1.0

Answer = TypeVar("Answer")


@asynccontextmanager
async def reached(connect: Connect, source: SourceTables) -> AsyncIterator[Connection]:
    """A connection whose every failure is a sentence: the server's, the network's, a missing table's or grant's."""
    try:
        async with connect() as connection, speaking_of(source):
            yield connection
    except (PostgresError, InterfaceError, OSError) as error:
        if is_passing(error):
            raise DatabaseNotReady(
                f"The database went away in the middle ({str(error) or type(error).__name__}). What was not committed "
                "did not happen; run the command again when the server is back."
            ) from error
        if isinstance(error, PostgresError):
            raise DatabaseError(f"PostgreSQL refuses ({error.sqlstate}): {error}") from error
        raise


async def once_ready(
    connect: Connect, source: SourceTables, do: Callable[[Connection], Awaitable[Answer]], stop: asyncio.Event
) -> Answer:
    """What ``do`` answers on a connection; where the database drops it, again for a while, or until told to stop.

    ``do`` must be harmless to repeat. A database that can't be reached at all is waited for only when it has been there
    before. Raises what ``do`` and ``reached`` raise.
    """
    loop = asyncio.get_running_loop()
    latest, was_there = loop.time() + READY_WITHIN, False
    while True:
        try:
            async with reached(connect, source) as connection:
                was_there = True
                return await do(connection)
        except DatabaseUnreachable as error:
            is_waited_for = was_there or isinstance(error, DatabaseNotReady)
            if not is_waited_for or stop.is_set() or loop.time() >= latest:
                raise
            log.warning("database not ready", reason=str(error), retry_in=TRY_EVERY)
        await pause(TRY_EVERY, stop)
