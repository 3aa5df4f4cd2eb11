"""Whether a pooler stands between this process and PostgreSQL, and what it keeps for a client: found by asking.

A pooler answers for the server when a client connects, and gives it a cancel key of its own. In session mode the client
keeps one server process until it disconnects. In transaction mode it has one only while it is in a transaction, and
may have another in the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from secrets import token_hex
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from synkron.errors import DatabaseNotReady, Refused
from synkron.postgres.statements import statements
from synkron.postgres.watch import WatchedConnection

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection

SQL = statements("postgres/pooler")
# How often the two connections are compared. Once is enough for a pooler that nobody else uses.
ROUNDS = 3
# Seconds for a statement on the second connection, and for a notification.
ANSWER_WITHIN = 10.0
HEARD_WITHIN = 1.0
# In what PgBouncer says to `begin`.
STATEMENT_MODE = "statement pooling"

Another = Callable[[], AbstractAsyncContextManager[WatchedConnection]]


class Mode(StrEnum):
    """What a connection is."""

    DIRECT = "direct"
    SESSION = "session pooler"
    TRANSACTION = "transaction pooler"


# By URL: what this process has found out.
_found: dict[str, Mode] = {}


def known_mode(url: str) -> Mode | None:
    """The mode of the URL's connections; None if nobody has asked yet."""
    return _found.get(url)


async def find_mode(url: str, place: str, connection: WatchedConnection, another: Another) -> Mode:
    """The mode of the URL's connections, remembered for the life of the process.

    A direct connection costs one statement. Behind a pooler, ``another`` connection is made for a moment, for four to
    ten more. Nothing may be prepared on the two, and ``connection`` may be of no use afterwards.

    1. The key that the server gave at the start is the number of its process, and the port from which it sees the
       client is the client's own: the connection is direct. Where ports are translated, the key of the other
       connection must be right as well.
    2. A connection that is served by two processes, or two connections that are served by one, while each is idle:
       the pooler is in transaction mode. A session pooler never does that.
    3. A connection hears a notification while it is idle and sends nothing: it keeps its process, so the pooler is in
       session mode. A transaction pooler passes no notification on.
    4. Neither was seen, for example on a standby, which can't listen: what works in transaction mode works in both.

    Raises DatabaseNotReady if the pooler has no room for the other connection, and Refused in statement mode.
    """
    _found[url] = mode = await _find(place, connection, another)
    return mode


async def _find(place: str, connection: WatchedConnection, another: Another) -> Mode:
    server, port = await _server_of(connection)
    has_own_key = server == connection.get_server_pid()
    if has_own_key and port == connection.local_port:
        return Mode.DIRECT
    try:
        async with another() as other:
            if has_own_key and (await _server_of(other))[0] == other.get_server_pid():
                return Mode.DIRECT
            if not await _is_shared(server, connection, other) and await _hears(connection, other):
                return Mode.SESSION
    except TimeoutError:
        raise DatabaseNotReady(
            f"The pooler at {place} gave no second connection within {ANSWER_WITHIN:g} s. Synkron needs it for a "
            "moment, to find out the pooler's mode. Give the pooler more connections, or wait until others leave."
        ) from None
    await _refuse_statement_mode(place, connection)
    return Mode.TRANSACTION


def needs_session(connection: Connection, what: str) -> None:
    """Raise Refused if the connection does not keep its session."""
    if not keeps_session(connection):
        raise Refused(
            f"{what} needs a session, and this connection is behind a pooler in transaction mode. Set "
            "SYNKRON_DATABASE_URL to a direct connection or to the session pooler (on Supabase port 5432) for it."
        )


def keeps_session(connection: Connection) -> bool:
    """Whether the connection's session is its own: false behind a transaction pooler."""
    return bool(getattr(connection, "keeps_session", True))


async def _server_of(connection: WatchedConnection) -> tuple[int, int | None]:
    """The number of the process that serves the connection now, and the port from which it sees its client."""
    row = await connection.fetchrow(SQL["server"], timeout=ANSWER_WITHIN)
    assert row is not None  # noqa: S101 (a select without a table)
    return row["pid"], row["port"]


async def _is_shared(server: int, one: WatchedConnection, other: WatchedConnection) -> bool:
    """Whether the pooler gives servers away while their clients are connected. ``server`` is the first of ``one``.

    The pooler takes either the server that has just become free, which ``other`` gets then, or that which has been
    free for longest, so that ``one`` gets a second one in two statements. If it has a single server, both get that.
    """
    for _ in range(ROUNDS):
        for connection, is_other in ((one, False), (one, False), (other, True)):
            found, _ = await _server_of(connection)
            if (found == server) is is_other:
                return True
    return False


async def _hears(one: WatchedConnection, other: WatchedConnection) -> bool:
    channel, heard = f"synkron_mode_{token_hex(8)}", asyncio.Event()

    def hear(*_: object) -> None:
        heard.set()

    try:
        await one.add_listener(channel, hear)
    except PostgresError:
        return False
    try:
        await other.execute(SQL["notify"], channel, timeout=ANSWER_WITHIN)
        async with asyncio.timeout(HEARD_WITHIN):
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        await one.remove_listener(channel, hear)
    return True


async def _refuse_statement_mode(place: str, connection: WatchedConnection) -> None:
    try:
        async with connection.transaction():
            pass
    except PostgresError as error:
        if STATEMENT_MODE not in str(error):
            raise
        raise Refused(
            f"The pooler at {place} is in statement mode, which has no transactions. Set its pool_mode to transaction "
            "or session, or connect to PostgreSQL directly."
        ) from None
