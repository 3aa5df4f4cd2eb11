"""The session that requests go out by, whoever they are for, and how they are sent."""

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

# Under the 5 s after which common servers drop an idle connection.
KEEP_ALIVE = 4.0

_is_new: ContextVar[bool] = ContextVar("whether the request went by a new connection")


@asynccontextmanager
async def open_session(connections: int) -> AsyncIterator[ClientSession]:
    """A session with so many connections. Its requests raise Shortage, too.

    It has as many as requests may be under way, as the wait for one would eat their time. It keeps no cookies, which
    one organization's answer would set for the next, and takes no password from a .netrc file.
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
    """Tells a new connection from a kept one, and what is short on this host from a far side that is not there."""

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
    """Send the request; and once more, where the kept connection that it went by turns out to have been closed.

    That is so when not a byte of an answer came. The others that are kept may be as dead: it then goes by a new one.
    """
    _is_new.set(False)
    try:
        return await _send_once(request, handler)
    except ClientPayloadError as error:
        if _is_new.get() or not _is_repeatable(request) or _has_answered(error.__cause__):
            raise
    # By this name nothing is kept in the pool.
    request.server_hostname = request.url.raw_host
    request.headers["Connection"] = "close"
    return await _send_once(request, handler)


async def _send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send it. By itself the client would send some requests again, on whatever connection they were lost."""
    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ClientConnectionResetError, ServerDisconnectedError) as error:
        raise ClientPayloadError(str(error)) from error


def _is_repeatable(request: ClientRequest) -> bool:
    """Whether a request that was received after all does no harm when it comes again."""
    return request.method != "POST" or "Idempotency-Key" in request.headers


def _has_answered(error: BaseException | None) -> bool:
    """Whether the answer had begun, which is then in the error."""
    return isinstance(error, ServerDisconnectedError) and not isinstance(error.message, str)
