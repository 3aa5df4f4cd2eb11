"""Connections to PostgreSQL, and its errors as sentences with a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TypeAlias

import asyncpg
from asyncpg.exceptions import PostgresError

from synkron.postgres.address import SETTING, address_of
from synkron.postgres.opening import opened, options, prepare
from synkron.postgres.pooler import known_mode
from synkron.postgres.sessions import BY_KEY, SESSION
from synkron.postgres.silence import HEARTBEAT, watching
from synkron.postgres.unreachable import reaching
from synkron.postgres.watch import WatchedConnection

# Strings, because asyncpg's classes take no type parameters at run time.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Executor: TypeAlias = "Connection | Pool"
# Opens a new connection.
Connect: TypeAlias = "Callable[[], AbstractAsyncContextManager[Connection]]"

# The exceptions of the driver when the database or the connection to it fails.
DRIVER_FAULTS = (PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

CLOSE_TIMEOUT = 5.0


@asynccontextmanager
async def connected(url: str, heartbeat: timedelta = HEARTBEAT, *, named: str = SETTING) -> AsyncIterator[Connection]:
    """One connection, closed at the end. Raises DatabaseUnreachable, and SettingsError for a malformed URL.

    Messages name the URL as ``named``. A connection that is silent for longer than the ``heartbeat`` is dropped, and
    its callers get a PostgresError.
    """
    address = address_of(url, named)
    async with watching(url, heartbeat) as silence:
        with reaching(address):
            connection = await opened(url, address, SESSION)
        silence.add(connection)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def pooled(url: str, *, size: int, by_key: bool = False, heartbeat: timedelta = HEARTBEAT) -> AsyncIterator[Pool]:
    """A pool of up to ``size`` connections, each made when it is needed, and watched like that of ``connected``.

    ``by_key`` is for workers: statements are planned once, as look-ups by key. A connection is not reset when it is
    returned. The borrower must leave nothing on it: no setting, listener or cursor.
    """
    address = address_of(url)
    settings = SESSION | BY_KEY if by_key else SESSION
    async with watching(url, heartbeat) as silence:

        async def begin(connection: WatchedConnection) -> None:
            await prepare(url, address, connection, settings)
            silence.add(connection)

        with reaching(address):
            if known_mode(url) is None:
                await (await opened(url, address, settings)).close()
            told = options(address, known_mode(url), init=begin, reset=_leave_as_it_is)
            pool = await asyncpg.create_pool(address.url, min_size=0, max_size=size, **told)
            # If one connection is silent, the unused ones may be silent too.
            silence.when_dropped = pool.expire_connections
        try:
            yield pool
        finally:
            try:
                await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT)
            except (TimeoutError, asyncpg.InterfaceError):
                # A connection that broke while it was borrowed is never returned.
                pool.terminate()


def reason_of(error: BaseException) -> str:
    """What happened, in one line. An error on ending a transaction is replaced by the error that caused it."""
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error.__context__, DRIVER_FAULTS):
        error = error.__context__
    return str(error) or type(error).__name__


async def _leave_as_it_is(connection: Connection) -> None:
    """Do nothing: this saves the statement that would reset a connection each time it is returned."""
