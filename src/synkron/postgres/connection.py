"""Connections to PostgreSQL, and its errors in sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.exceptions import (
    DatatypeMismatchError,
    InsufficientPrivilegeError,
    InvalidAuthorizationSpecificationError,
    InvalidCatalogNameError,
    InvalidSchemaNameError,
    PostgresError,
    UndefinedColumnError,
    UndefinedFunctionError,
    UndefinedTableError,
)

from synkron.errors import (
    DatabaseError,
    DatabaseNotReady,
    DatabaseUnreachable,
    LedgerMissing,
    Refused,
    ServiceRoleRequired,
    SettingsError,
    SourceTableMissing,
)
from synkron.postgres.sessions import BY_KEY, OF_ONE, SESSION, settle
from synkron.postgres.silence import HEARTBEAT, end_left_behind, watching
from synkron.postgres.watch import DRIVER_TIMEOUT, WatchedConnection

if TYPE_CHECKING:
    from synkron.settings.load import SourceTables

# As text, because asyncpg's classes take no parameters at run time.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Executor: TypeAlias = "Connection | Pool"
# Opens a connection of one's own.
Connect: TypeAlias = "Callable[[], AbstractAsyncContextManager[Connection]]"

# What the driver raises when the database or the connection to it fails.
DRIVER_FAULTS = (PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# What SQLSTATE begins with where it is the connection, an operator who intervenes, or too many connections.
PASSING = ("08", "57", "53300")

# Supavisor and PgBouncer in transaction mode: no prepared statements, LISTEN or session locks.
TRANSACTION_POOLER_PORT = 6543
ROWS_HIDDEN = (
    "Row security would hide rows from this role, and Synkron reads all or nothing. Connect as a role with BYPASSRLS: "
    "on Supabase the service role, elsewhere `alter role ROLE bypassrls`."
)

CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 5.0


@asynccontextmanager
async def connected(url: str, heartbeat: timedelta = HEARTBEAT) -> AsyncIterator[Connection]:
    """One connection, closed at the end. Raises DatabaseUnreachable.

    Once it is silent for longer than the ``heartbeat``, it is dropped: what waits for it gets a PostgresError.
    """
    async with watching(url, heartbeat) as silence:
        async with _reaching(url):
            connection = await asyncpg.connect(url, **_options(url))
            try:
                if not _is_transaction_pooler(url):
                    await settle(connection, SESSION | OF_ONE, CONNECT_TIMEOUT)
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
    """A pool of up to ``size`` connections, each made when it is needed, and watched as ``connected`` has it.

    ``by_key`` is a worker's: its statements are planned once, as look-ups by key. A connection is not reset when it is
    given back. Whoever borrows one must leave nothing on it: no setting, listener or cursor.
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
            # Where one is silent, those that nobody uses at the moment may be so too.
            silence.when_dropped = pool.expire_connections
        try:
            yield pool
        finally:
            try:
                await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT)
            except (TimeoutError, asyncpg.InterfaceError):
                # A connection that broke while somebody held it is never given back.
                pool.terminate()


def is_passing(error: Exception) -> bool:
    """Whether it says nothing of what was asked, but of the server or the connection: that passes by itself."""
    if isinstance(error, PostgresError):
        return (error.sqlstate or "").startswith(PASSING)
    return isinstance(error, (asyncpg.InterfaceError, OSError))


def reason_of(error: BaseException) -> str:
    """What happened, in a line. That a transaction can't be ended any more says nothing of why."""
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error.__context__, DRIVER_FAULTS):
        error = error.__context__
    return str(error) or type(error).__name__


def refuse_transaction_pooler(url: str) -> None:
    """Raise Refused for the port of a transaction pooler: workers need LISTEN."""
    if _is_transaction_pooler(url):
        raise Refused(
            f"{_place(url)} is a transaction pooler, which has no LISTEN. Give workers a direct connection or "
            "the session pooler (on Supabase port 5432); `synkron tick` works on either."
        )


@asynccontextmanager
async def speaking_of(source: SourceTables) -> AsyncIterator[None]:
    """Turn what PostgreSQL says of the application's tables into a sentence with the remedy."""
    try:
        yield
    except InsufficientPrivilegeError as error:
        raise _privilege(error, source) from None
    except (UndefinedTableError, UndefinedColumnError, InvalidSchemaNameError) as error:
        raise _missing(error, source) from None
    except (UndefinedFunctionError, DatatypeMismatchError) as error:
        raise SourceTableMissing(
            f"{str(error).capitalize()}. In {source.schema_name}.{source.integrations.table} Synkron needs "
            f"{source.integrations.org_id} to have the type of {source.organizations.table}."
            f"{source.organizations.id}, {source.integrations.is_enabled} to be boolean, "
            f"{source.integrations.cron_schedule} to be text, and updated_at, where it is set, to be a timestamptz."
        ) from None


async def _leave_as_it_is(connection: Connection) -> None:
    """Spare the statement that would reset the connection each time it is given back."""


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
    """Turn a failure to connect into a sentence that names the place, and never the password."""
    try:
        if "," not in url:
            _ = urlsplit(url).port  # asyncpg would take a port above 65535 for another one
        yield
    except (InvalidAuthorizationSpecificationError, InvalidCatalogNameError) as error:
        raise DatabaseUnreachable(
            f"PostgreSQL at {_place(url)} refuses: {error}. Check SYNKRON_DATABASE_URL."
        ) from None
    except PostgresError as error:
        kind = DatabaseNotReady if is_passing(error) else DatabaseUnreachable
        raise kind(f"PostgreSQL at {_place(url)} can't serve now: {error}") from None
    except ConnectionResetError:
        raise DatabaseNotReady(f"PostgreSQL at {_place(url)} dropped the connection before it was made.") from None
    except OSError as error:
        reason = "no answer within 10 s" if isinstance(error, TimeoutError) else str(error)
        raise DatabaseUnreachable(
            f"There is no PostgreSQL at {_place(url)} ({reason}). Check SYNKRON_DATABASE_URL, and that the server runs."
        ) from None
    except (ValueError, OverflowError) as error:
        # The driver's message may hold a part of the password.
        fault = (
            "SYNKRON_DATABASE_URL is not the address of a PostgreSQL database; it looks like "
            f"postgresql://user:password@host:5432/database ({type(error).__name__})"
        )
        raise SettingsError([fault]) from None
    except asyncpg.InterfaceError as error:
        raise DatabaseUnreachable(f"What answers at {_place(url)} is no PostgreSQL that can serve: {error}") from None


def _privilege(error: InsufficientPrivilegeError, source: SourceTables) -> DatabaseError | Refused:
    # The message is in the server's language, the name of its function is not.
    if error.server_source_function in {"check_enable_rls", "get_row_security_policies"}:
        return ServiceRoleRequired(ROWS_HIDDEN)
    return ServiceRoleRequired(
        f"{str(error).capitalize()}. Grant it: `grant usage on schema {source.schema_name} to ROLE; "
        f"grant select on {source.schema_name}.{source.organizations.table}, "
        f"{source.schema_name}.{source.integrations.table} to ROLE`. "
        "For Synkron's own tables run `synkron migrate --grant-to ROLE`."
    )


def _missing(error: PostgresError, source: SourceTables) -> DatabaseError:
    if "synkron." in str(error):
        return LedgerMissing(f"{str(error).capitalize()}. Run `synkron migrate`.")
    return SourceTableMissing(
        f"{str(error).capitalize()}. Synkron reads {source.schema_name}.{source.integrations.table} and "
        f"{source.schema_name}.{source.organizations.table}; name yours in synkron.toml under [source], or make these "
        "with `synkron migrate --with-source-tables`."
    )


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
        return "the given address (in a password, @ is written %40, / %2F and : %3A)"
    return f"{parts.hostname or 'the local socket'}{port}{parts.path}"
