"""A database that is not ready yet: what a service needs from it at its start is tried again for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from asyncpg import InterfaceError, PostgresError

from synkron.errors import DatabaseError, DatabaseNotReady, DatabaseUnreachable
from synkron.model import Answer
from synkron.postgres.connection import Connect, Connection
from synkron.postgres.faults import is_passing
from synkron.runtime import log, sleep

# Seconds for which a service waits at its start for a database that is there and can't serve it, and between its tries.
READY_WITHIN = 60.0
TRY_EVERY = 1.0

# Turns errors of the application's tables into sentences.
InWords: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def reached(connect: Connect, in_words: InWords) -> AsyncIterator[Connection]:
    """A connection whose errors (of the server, the network, a missing table or grant) are sentences."""
    try:
        async with connect() as connection, in_words():
            yield connection
    except (PostgresError, InterfaceError, OSError) as error:
        if is_passing(error):
            raise DatabaseNotReady(
                f"The connection to the database was lost ({str(error) or type(error).__name__}). Nothing was changed "
                "that had not been committed. Run the command again when the server is back."
            ) from error
        if isinstance(error, PostgresError):
            raise DatabaseError(f"PostgreSQL refused the statement ({error.sqlstate}): {error}") from error
        raise


async def once_ready(
    connect: Connect, in_words: InWords, do: Callable[[Connection], Awaitable[Answer]], stop: asyncio.Event
) -> Answer:
    """The result of ``do`` on a connection. If the database drops that, try again for a while, or until ``stop``.

    ``do`` must be safe to repeat. If the database can't be reached at all, this waits for it only if it was reached
    before. Raises what ``do`` and ``reached`` raise.
    """
    loop = asyncio.get_running_loop()
    latest, was_there = loop.time() + READY_WITHIN, False
    while True:
        try:
            async with reached(connect, in_words) as connection:
                was_there = True
                return await do(connection)
        except DatabaseUnreachable as error:
            is_waited_for = was_there or isinstance(error, DatabaseNotReady)
            if not is_waited_for or stop.is_set() or loop.time() >= latest:
                raise
            log.warning("database not ready", reason=str(error), retry_in=TRY_EVERY)
        await sleep(TRY_EVERY, stop)
