"""The client session for all outgoing requests, and how they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from aiohttp import (
    ClientConnectionResetError,
    ClientConnectorError,
    ClientHandlerType,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from synkron.http.answer import LONGEST_HEADER
from synkron.http.shortage import Shortage, Surroundings
from synkron.runtime import release

# Less than the 5 s after which common servers drop an idle connection.
KEEP_ALIVE = 4.0

_is_new: ContextVar[bool] = ContextVar("whether the request went by a new connection")


@asynccontextmanager
async def open_session(connections: int) -> AsyncIterator[ClientSession]:
    """A session with this many connections. Its requests may also raise Shortage.

    There must be as many connections as requests under way, because waiting for one would use up their time. The
    session keeps no cookies, which one organization's answer would set for the next, and reads no password from a
    .netrc file.
    """
    async with ClientSession(
        connector=_Connector(connections),
        timeout=ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": f"synkron/{release()}" if release()[0].isdecimal() else "synkron"},
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
        middlewares=(_send,),
    ) as session:
        yield session


class _Connector(TCPConnector):
    """Distinguishes new connections from kept ones, and shortages on this host from a server that can't be reached."""

    def __init__(self, connections: int) -> None:
        super().__init__(limit=connections, keepalive_timeout=KEEP_ALIVE)
        self._surroundings = Surroundings()

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the client's own signature
    ) -> ResponseHandler:
        host = req.url.host or ""
        try:
            made = await super()._create_connection(req, traces, timeout)
        except Exception as error:
            if short := self._surroundings.shortage(host, error):
                raise Shortage(short) from error
            raise
        self._surroundings.connected(host)
        _is_new.set(True)
        return made


async def _send(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send the request. If a kept connection turns out to be closed, send it once more on a new connection.

    A connection was closed if not one byte of an answer came. Other kept connections may be closed as well.
    """
    _is_new.set(False)
    try:
        return await _send_once(request, handler)
    except ClientPayloadError as error:
        if _is_new.get() or not _is_repeatable(request) or _has_answered(error.__cause__):
            raise
    # The pool has no kept connection under this name.
    request.server_hostname = request.url.raw_host
    request.headers["Connection"] = "close"
    return await _send_once(request, handler)


async def _send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send the request once. By itself, the client would repeat some requests, even those on a new connection."""
    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ClientConnectionResetError, ServerDisconnectedError) as error:
        raise ClientPayloadError(str(error)) from error


def _is_repeatable(request: ClientRequest) -> bool:
    """Whether the request may be sent again even if it was received the first time."""
    return request.method != "POST" or "Idempotency-Key" in request.headers


def _has_answered(error: BaseException | None) -> bool:
    """Whether the answer had begun. The error then contains its beginning."""
    return isinstance(error, ServerDisconnectedError) and not isinstance(error.message, str)
