"""Connections to PostgreSQL, and its errors as sentences with a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.exceptions import InvalidAuthorizationSpecificationError, InvalidCatalogNameError, PostgresError

from synkron.errors import DatabaseNotReady, DatabaseUnreachable, Refused, SettingsError
from synkron.postgres.faults import is_passing
from synkron.postgres.sessions import BY_KEY, SESSION, settle
from synkron.postgres.silence import HEARTBEAT, end_left_behind, watching
from synkron.postgres.watch import DRIVER_TIMEOUT, WatchedConnection

# Strings, because asyncpg's classes take no type parameters at run time.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Executor: TypeAlias = "Connection | Pool"
# Opens a new connection.
Connect: TypeAlias = "Callable[[], AbstractAsyncContextManager[Connection]]"

# The exceptions of the driver when the database or the connection to it fails.
DRIVER_FAULTS = (PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# Supavisor and PgBouncer in transaction mode: no prepared statements, LISTEN or session locks.
TRANSACTION_POOLER_PORT = 6543

CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 5.0


@asynccontextmanager
async def connected(url: str, heartbeat: timedelta = HEARTBEAT) -> AsyncIterator[Connection]:
    """One connection, closed at the end. Raises DatabaseUnreachable.

    If it is silent for longer than the ``heartbeat``, it is dropped, and its callers get a PostgresError.
    """
    async with watching(url, heartbeat) as silence:
        async with _reaching(url):
            connection = await asyncpg.connect(url, **_options(url))
            try:
                if not _is_transaction_pooler(url):
                    await settle(connection, SESSION, CONNECT_TIMEOUT)
                await end_left_behind(url, connection)
            except BaseException:
                connection.terminate()
                raise
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
    async with watching(url, heartbeat) as silence:

        async def prepare(connection: WatchedConnection) -> None:
            if not _is_transaction_pooler(url):
                await settle(connection, SESSION | BY_KEY if by_key else SESSION, CONNECT_TIMEOUT)
            await end_left_behind(url, connection)
            silence.add(connection)

        async with _reaching(url):
            pool = await asyncpg.create_pool(
                url, min_size=0, max_size=size, **_options(url, init=prepare, reset=_leave_as_it_is)
            )
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


def refuse_transaction_pooler(url: str) -> None:
    """Raise Refused for the port of a transaction pooler: workers need LISTEN."""
    if _is_transaction_pooler(url):
        raise Refused(
            f"{_place(url)} is a transaction pooler, which does not support LISTEN. Give workers a direct connection "
            "or the session pooler (on Supabase port 5432). `synkron tick` works with both kinds of pooler."
        )


async def _leave_as_it_is(connection: Connection) -> None:
    """Do nothing: this saves the statement that would reset a connection each time it is returned."""


def _options(url: str, **further: object) -> dict[str, Any]:
    options: dict[str, Any] = {
        "timeout": CONNECT_TIMEOUT,
        "command_timeout": DRIVER_TIMEOUT,
        "connection_class": WatchedConnection,
        "server_settings": {"application_name": "synkron"},
        **further,
    }
    if _is_transaction_pooler(url):
        options["statement_cache_size"] = 0
    return options


@asynccontextmanager
async def _reaching(url: str) -> AsyncIterator[None]:
    """Turn a failure to connect into a sentence that names the host and never the password."""
    try:
        if "," not in url:
            _ = urlsplit(url).port  # asyncpg would mistake a port above 65535 for another port
        yield
    except (InvalidAuthorizationSpecificationError, InvalidCatalogNameError) as error:
        raise DatabaseUnreachable(
            f"PostgreSQL at {_place(url)} refused the connection: {error}. Check SYNKRON_DATABASE_URL."
        ) from None
    except PostgresError as error:
        kind = DatabaseNotReady if is_passing(error) else DatabaseUnreachable
        raise kind(f"PostgreSQL at {_place(url)} can't accept connections now: {error}") from None
    except ConnectionResetError:
        raise DatabaseNotReady(f"PostgreSQL at {_place(url)} closed the connection while it was being made.") from None
    except OSError as error:
        reason = "no answer within 10 s" if isinstance(error, TimeoutError) else str(error)
        raise DatabaseUnreachable(
            f"There is no PostgreSQL at {_place(url)} ({reason}). Check SYNKRON_DATABASE_URL and that the server runs."
        ) from None
    except (ValueError, OverflowError) as error:
        # The driver's message may contain a part of the password.
        fault = (
            "SYNKRON_DATABASE_URL is not the address of a PostgreSQL database; expected one such as "
            f"postgresql://user:password@host:5432/database ({type(error).__name__})"
        )
        raise SettingsError([fault]) from None
    except asyncpg.InterfaceError as error:
        raise DatabaseUnreachable(
            f"The server at {_place(url)} is not a PostgreSQL that Synkron can use: {error}"
        ) from None


def _is_transaction_pooler(url: str) -> bool:
    try:
        return urlsplit(url).port == TRANSACTION_POOLER_PORT
    except ValueError:
        return False


def _place(url: str) -> str:
    """Host, port and database, without user and password."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the given address"
    if "@" in parts.path or parts.netloc.count("@") > 1:
        return "the given address (in a password, write %40 for @, %2F for / and %3A for :)"
    return f"{parts.hostname or 'the local socket'}{port}{parts.path}"
