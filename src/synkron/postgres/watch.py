"""The driver's connection, extended to tell since when it has waited for the server's answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import asyncpg

from synkron.postgres.address import KeepAlive

if TYPE_CHECKING:
    from asyncpg.connect_utils import _ClientConfiguration, _ConnectionParameters
    from asyncpg.cursor import Cursor
    from asyncpg.protocol.protocol import Protocol

    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

# Seconds. The longest that any statement may take, and the longest for statements that the driver sends by itself.
LONGEST = 86_400.0
DRIVER_TIMEOUT = 2.0
CLOSE_TIMEOUT = 2.0
# How many rows of a cursor are fetched at once.
PREFETCH = 50

Method = TypeVar("Method", bound=Callable[..., Any])


class Session(NamedTuple):
    """The identity of a session on the server."""

    pid: int
    backend_start: datetime


def _watched(method: Method) -> Method:
    """The driver's method, extended to note when it began to wait for the server's answer."""

    @wraps(method)
    async def asking(self: WatchedConnection, *arguments: object, **options: object) -> object:
        if options.get("timeout") is None:
            options["timeout"] = LONGEST
        # Not in a block `asking`, which would be the slowest part of this on a busy worker.
        self.asked_at = asyncio.get_running_loop().time()
        try:
            return await method(self, *arguments, **options)
        finally:
            self.asked_at = None

    return cast("Method", asking)


class WatchedConnection(_Connection):
    """A connection that tells since when it has waited for an answer. The operating system probes it too.

    ``session`` is None before it is known and behind a transaction pooler, where the connection ``keeps_session`` not.
    """

    keeps_session = True

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
        self._socket: socket.socket | None = cast("asyncio.BaseTransport", transport).get_extra_info("socket")
        self.keep_alive(KeepAlive())

    execute = _watched(_Connection.execute)
    executemany = _watched(_Connection.executemany)
    fetch = _watched(_Connection.fetch)
    fetchmany = _watched(_Connection.fetchmany)
    fetchrow = _watched(_Connection.fetchrow)
    fetchval = _watched(_Connection.fetchval)
    prepare = _watched(_Connection.prepare)

    def cursor(self, query: str, *arguments: object, **options: object) -> Any:  # noqa: ANN401 - the driver's signature
        """An iterator over the rows, which are fetched some at a time."""
        at_once = cast("int | None", options.pop("prefetch", None)) or PREFETCH
        return _Rows(self, query, arguments, at_once)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's signature
        """Close the connection. If the server does not answer, the connection is aborted."""
        with suppress(TimeoutError):
            await super().close(timeout=min(timeout or CLOSE_TIMEOUT, CLOSE_TIMEOUT))

    @property
    def local_port(self) -> int | None:
        """The client's port; None over a Unix socket."""
        if self._socket is None or self._socket.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        port: int = self._socket.getsockname()[1]
        return port

    def keep_alive(self, times: KeepAlive) -> None:
        """Make the operating system notice that the other host is gone, with those of the options that it has."""
        own = self._socket
        if own is None or self.local_port is None:
            return
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(times.idle > 0))
        for names, value in (
            (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), times.idle),
            (("TCP_KEEPINTVL",), times.interval),
            (("TCP_KEEPCNT",), times.probes),
            (("TCP_USER_TIMEOUT",), times.unacknowledged),
        ):
            option = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
            if option is not None and (value or option == getattr(socket, "TCP_USER_TIMEOUT", None)):
                own.setsockopt(socket.IPPROTO_TCP, option, value)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """The block waits for the server's answer."""
        self.asked_at = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self.asked_at = None


class _Rows:
    """The rows of a cursor. Each fetch is watched. The statement has no name, which might be taken behind a pooler."""

    def __init__(self, connection: WatchedConnection, query: str, arguments: Sequence[object], at_once: int) -> None:
        self._connection = connection
        self._query = query
        self._arguments = arguments
        self._at_once = at_once

    async def __aiter__(self) -> AsyncIterator[asyncpg.Record]:
        statement = await self._connection.prepare(self._query, name="")
        with self._connection.asking():
            cursor = await statement.cursor(*self._arguments, timeout=LONGEST)
        while rows := await self._fetched(cursor):
            for row in rows:
                yield row

    async def _fetched(self, cursor: Cursor[asyncpg.Record]) -> list[asyncpg.Record]:
        with self._connection.asking():
            return await cursor.fetch(self._at_once, timeout=LONGEST)
