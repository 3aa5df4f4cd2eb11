"""Requests that go out, whoever they are for: one client session, and how an answer is read."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from re import fullmatch
from ssl import SSLCertVerificationError, SSLError

from aiohttp import (
    ClientConnectionResetError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerConnectionError,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from synkron.runtime import installed_version
from synkron.shortage import HostResources, Shortage

BODY_LIMIT = 64 * 1024
# The longest line in an answer's head, because real servers send more than the client's usual 8 KB; the most lines.
LONGEST_HEADER = 64 * 1024
MOST_HEADERS = 128
# Less than the 5 s after which common servers drop an idle connection.
KEEP_ALIVE = 4.0

_is_new: ContextVar[bool] = ContextVar("whether the request went by a new connection")
# Python's phrases change from release to release; these are the ones that it has changed.
PHRASES: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}


def open_session(connections: int) -> ClientSession:
    """A session with this many connections. Its requests may also raise Shortage.

    There must be as many connections as requests under way, because waiting for one would use up their time. The
    session keeps no cookies, which one organization's answer would set for the next, and reads no password from a
    .netrc file.
    """
    return ClientSession(
        connector=_Connector(connections),
        timeout=ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": f"synkron/{installed_version()}" if installed_version()[0].isdecimal() else "synkron"},
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
        middlewares=(_send,),
    )


class _Connector(TCPConnector):
    """Distinguishes new connections from kept ones, and shortages on this host from a server that can't be reached."""

    def __init__(self, connections: int) -> None:
        super().__init__(limit=connections, keepalive_timeout=KEEP_ALIVE)
        self._surroundings = HostResources()

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


def retry_after(headers: Mapping[str, str], longest: timedelta) -> timedelta | None:
    """The wait that the answer asks for, from 0 to ``longest``.

    A date is measured from the answer's own Date, so that a server with a wrong clock gives the right wait.
    """
    text = headers.get("Retry-After", "").strip()
    if fullmatch(r"-?[0-9]+", text):
        seconds = float(text)
    else:
        try:
            seconds = (http_date(text) - http_date(headers.get("Date", ""))).total_seconds()
        except (ValueError, OverflowError):
            return None
    return timedelta(seconds=min(max(seconds, 0.0), longest.total_seconds()))


def http_date(text: str) -> datetime:
    """The moment of a header's date. Raises ValueError, or OverflowError."""
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def status_text(status: int) -> str:
    """``HTTP 503 Service Unavailable``."""
    return f"HTTP {status} {PHRASES.get(status, '')}".rstrip()


def refusal(status: int, place: str) -> str | None:
    """Why an answer is not a success; None if it is."""
    if 200 <= status < 300:
        return None
    redirect = "; redirects are not followed" if 300 <= status < 400 else ""
    return f"{place} answered {status_text(status)}{redirect}"


async def beginning(response: ClientResponse) -> bytes:
    """The first 64 KiB of the body, or nothing if it is compressed. A body read to its end keeps the connection."""
    try:
        content = await response.content.readexactly(BODY_LIMIT)
    except asyncio.IncompleteReadError as error:
        content = error.partial
    return b"" if "Content-Encoding" in response.headers else content


def json_in(content: bytes) -> object:
    """The body as JSON; None if it is not JSON, or if it is ``null``."""
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found


def failure(error: Exception, place: str, timeout: timedelta) -> str:
    """Why there was no answer, in our own words: the exception's text could contain the headers that were sent."""
    match error:
        case Shortage():
            return f"no connection to {place}: {error}"
        case TimeoutError():
            return f"no answer from {place} within {timeout.total_seconds():g} s"
        case ClientConnectorDNSError():
            return f"the name of {place} is not known to the name servers"
        case ClientConnectorError():
            return f"no connection to {place}: {unconnected(error.os_error)}"
        case ServerConnectionError() | ClientPayloadError() | OSError():
            return f"{place} closed the connection before it had answered"
        case ClientResponseError(message=str(said)) if limit := _limit(said):
            return f"{place} gave an answer with {limit}, which is more than is allowed"
        case ClientError():
            return f"{place} gave an answer that is not HTTP ({type(error).__name__})"
        case UnicodeError():
            return f"{place} is not a valid host name"
        case _:
            return f"{type(error).__name__} while calling {place}"


def incomplete(error: Exception, timeout: timedelta) -> str:
    """Why an answer's body is incomplete. Its status still counts."""
    if isinstance(error, TimeoutError):
        return f"answer incomplete: its body did not end within {timeout.total_seconds():g} s"
    return "answer incomplete: the connection was lost within its body"


def _limit(said: str) -> str | None:
    """The limit that an answer's head exceeded, recognized by the client's own words."""
    if said.startswith("Got more than"):
        return f"a header of more than {LONGEST_HEADER // 1024} KB"
    return f"more than {MOST_HEADERS} headers" if said.startswith("Too many headers") else None


def unconnected(error: OSError) -> str:
    """Why there is no connection, in our own words."""
    match error:
        case SSLCertVerificationError():
            return f"its certificate is not valid, {error.verify_message}"
        case SSLError():
            return f"TLS failed, {error.reason.replace('_', ' ').lower()}"
        case _:
            return os.strerror(error.errno) if error.errno else type(error).__name__
