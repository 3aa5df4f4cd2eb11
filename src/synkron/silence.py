"""Connections that fall silent: noticed by asking the server on another one, and dropped.

No limit on a statement's duration tells a slow one from one whose connection is dead: the tick that ends an outage, a
migration or a verification may rightly take minutes. The server knows: while it works on a statement its session is
active, and where it waits for the client, the statement or its answer was lost.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from weakref import WeakSet

import asyncpg
import structlog
from asyncpg.exceptions import PostgresError

from synkron.sql import statements
from synkron.waiting import pause

if TYPE_CHECKING:
    from asyncpg.connect_utils import _ClientConfiguration, _ConnectionParameters
    from asyncpg.protocol.protocol import Protocol

    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

Method = TypeVar("Method", bound=Callable[..., Any])

SQL = statements("sessions")
HEARTBEAT = timedelta(seconds=30)
# Parts of the heartbeat: after how long an answer is asked for, how often, and how long that may take. Two looks must
# agree, so that a silent connection is dropped after a third of it, or two thirds where new connections are silent too.
PATIENCE = 1 / 6
LOOK_EVERY = 1 / 15
ANSWER_WITHIN = 1 / 6
SHORTEST_ANSWER = 1.0
# Heartbeats after which a statement is given up of which the server can't be asked: it takes no more connections, or
# it is behind a transaction pooler.
LONGEST_IN_DOUBT = 10
# Seconds. No statement waits longer, whatever the server says; what the driver does of its own accord is short.
LONGEST = 86_400.0
LONGEST_FETCH = 600.0
DRIVER_TIMEOUT = 5.0
CLOSE_TIMEOUT = 2.0
# Seconds after which the operating system probes an idle connection, between its probes, and after which it gives up.
KEEPALIVE = (10, 5, 3)
UNACKNOWLEDGED = 30

log = structlog.get_logger("synkron")


class Session(NamedTuple):
    """What tells a session of the server's from any other."""

    pid: int
    backend_start: datetime


class _Asked(NamedTuple):
    """A statement under way: whose it is, and when it was sent, by the event loop's clock."""

    connection: WatchedConnection
    at: float


def _watched(method: Method) -> Method:
    """The driver's method, which notes since when the server's answer is waited for."""

    @wraps(method)
    async def asking(self: WatchedConnection, *arguments: object, **options: object) -> object:
        self.asked_at = asyncio.get_running_loop().time()
        try:
            return await method(self, *arguments, **options | {"timeout": options.get("timeout") or LONGEST})
        finally:
            self.asked_at = None

    return cast("Method", asking)


def _limited(method: Method) -> Method:
    """A method whose cursor is not watched: each of its fetches has a time limit."""

    @wraps(method)
    def opening(self: WatchedConnection, *arguments: object, **options: object) -> object:
        return method(self, *arguments, **options | {"timeout": options.get("timeout") or LONGEST_FETCH})

    return cast("Method", opening)


class WatchedConnection(_Connection):
    """A connection that says since when it has waited for an answer. The operating system probes it too.

    ``session`` is None until it is known, and behind a transaction pooler.
    """

    def __init__(
        self,
        protocol: Protocol[asyncpg.Record],
        transport: object,
        loop: asyncio.AbstractEventLoop,
        addr: tuple[str, int] | str,
        config: _ClientConfiguration,
        params: _ConnectionParameters,
    ) -> None:
        super().__init__(protocol, transport, loop, addr, config, params)
        self.asked_at: float | None = None
        self.session: Session | None = None
        _keep_alive(cast("asyncio.BaseTransport", transport).get_extra_info("socket"))

    execute = _watched(_Connection.execute)
    executemany = _watched(_Connection.executemany)
    fetch = _watched(_Connection.fetch)
    fetchmany = _watched(_Connection.fetchmany)
    fetchrow = _watched(_Connection.fetchrow)
    fetchval = _watched(_Connection.fetchval)
    prepare = _watched(_Connection.prepare)
    cursor = _limited(_Connection.cursor)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's own signature
        """Close it; one that does not answer is aborted."""
        with suppress(TimeoutError):
            await super().close(timeout=min(timeout or CLOSE_TIMEOUT, CLOSE_TIMEOUT))


@asynccontextmanager
async def watching(url: str, heartbeat: timedelta) -> AsyncIterator[Silence]:
    """Watch, until the end of the block, the connections that are added."""
    silence = Silence(url, heartbeat)
    watch = asyncio.create_task(silence.watch())
    try:
        yield silence
    finally:
        watch.cancel()
        await asyncio.wait({watch})


class Silence:
    """Drops those of its connections that have fallen silent. Who waits for one gets ConnectionDoesNotExistError.

    ``when_dropped`` is called then.
    """

    def __init__(self, url: str, heartbeat: timedelta) -> None:
        self._url = url
        self._heartbeat = heartbeat.total_seconds()
        self._connections: WeakSet[WatchedConnection] = WeakSet()
        self.when_dropped: Callable[[], Awaitable[None]] | None = None

    def add(self, connection: WatchedConnection) -> None:
        """Watch it until it is closed."""
        self._connections.add(connection)

    async def watch(self) -> None:
        """Look every few seconds, until cancelled; what is silent at two looks in a row is dropped."""
        suspects: set[_Asked] = set()
        while True:
            await pause(self._heartbeat * LOOK_EVERY)
            try:
                suspects = await self._look(suspects)
            except Exception:
                log.exception("connections not looked at")

    async def _look(self, suspects: Collection[_Asked]) -> set[_Asked]:
        """Drop those of the suspects that are still silent; answers who is suspect now."""
        now = asyncio.get_running_loop().time()
        waiting = [one for one in self._waiting() if now - one.at >= self._heartbeat * PATIENCE]
        if not waiting:
            return set()
        silent, why = await self._silent(waiting, now)
        # Whoever has got an answer in the meantime waits no more, or for another.
        silent &= set(self._waiting())
        dropped = silent.intersection(suspects)
        if dropped:
            longest = max(now - one.at for one in dropped)
            log.warning("connection silent, dropped", connections=len(dropped), waited_s=round(longest, 1), reason=why)
            # Before those who wait are told: they may leave at once, and this watch with them.
            await self._end(one.connection.session for one in dropped)
            if self.when_dropped is not None:
                await self.when_dropped()
            for one in dropped:
                one.connection.terminate()
        return silent - dropped

    def _waiting(self) -> Iterable[_Asked]:
        return [_Asked(one, one.asked_at) for one in self._connections if one.asked_at is not None]

    async def _silent(self, waiting: Collection[_Asked], now: float) -> tuple[set[_Asked], str]:
        """For whom the server is not at work, and why one thinks so."""
        long = {one for one in waiting if now - one.at >= self._heartbeat * LONGEST_IN_DOUBT}
        known = {one.connection.session: one for one in waiting if one.connection.session is not None}
        try:
            async with self._other() as connection:
                rows = await connection.fetch(SQL["at_rest"], *_columns(known), [one in long for one in known.values()])
        except PostgresError as error:
            return long, f"the server can't be asked ({error})"
        except (OSError, asyncpg.InterfaceError) as error:
            return set(waiting), f"nor does a new connection get an answer ({str(error) or type(error).__name__})"
        at_rest = {known[Session(*row)] for row in rows}
        return at_rest | {one for one in long if one.connection.session is None}, "the server waits for this client"

    async def _end(self, sessions: Iterable[Session | None]) -> None:
        """End the sessions on the server, as far as that can be done now: it knows nothing of their end."""
        with suppress(PostgresError, OSError, asyncpg.InterfaceError):
            async with self._other() as connection:
                await connection.execute(SQL["end"], *_columns(one for one in sessions if one is not None))

    @asynccontextmanager
    async def _other(self) -> AsyncIterator[_Connection]:
        """A new connection, for a moment."""
        within = max(self._heartbeat * ANSWER_WITHIN, SHORTEST_ANSWER)
        connection = await asyncpg.connect(
            self._url, timeout=within, command_timeout=within, server_settings={"application_name": "synkron"}
        )
        try:
            yield connection
        finally:
            connection.terminate()


def _columns(sessions: Iterable[Session]) -> tuple[list[int], list[datetime]]:
    known = list(sessions)
    return [one.pid for one in known], [one.backend_start for one in known]


def _keep_alive(own: socket.socket | None) -> None:
    """Have the operating system find out that the other host has gone, where it can: each has options of its own."""
    if own is None or own.family not in (socket.AF_INET, socket.AF_INET6):
        return
    own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle, between, probes = KEEPALIVE
    for names, value in (
        (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), idle),
        (("TCP_KEEPINTVL",), between),
        (("TCP_KEEPCNT",), probes),
        (("TCP_USER_TIMEOUT",), UNACKNOWLEDGED * 1000),
    ):
        option = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if option is not None:
            own.setsockopt(socket.IPPROTO_TCP, option, value)
