"""A target that is an HTTP endpoint: one POST for each attempt, and what its answer means."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import responses
from re import fullmatch
from ssl import SSLCertVerificationError, SSLError

from aiohttp import (
    BytesPayload,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerConnectionError,
    TCPConnector,
)
from aiohttp.abc import AbstractStreamWriter

from synkron.host import release
from synkron.model import Outcome, OutcomeKind, Run
from synkron.targets.endpoint import Endpoint, body
from synkron.targets.secret import Redaction
from synkron.targets.terms import Lease, Terms

BODY_LIMIT = 64 * 1024
LONGEST_RETRY_AFTER = timedelta(hours=24)
RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
# Under the 5 s after which common servers drop an idle connection: a POST sent into that moment is lost.
KEEP_ALIVE = 4.0


@asynccontextmanager
async def open_session(connections: int) -> AsyncIterator[ClientSession]:
    """The session that all HTTP targets share.

    It has as many connections as runs may be running, as the wait for one would eat the run's timeout. It keeps no
    cookies, which one organization's answer would set for the next, and takes no password from a .netrc file.
    """
    async with ClientSession(
        connector=TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE),
        timeout=ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": f"synkron/{release()}" if release()[0].isdecimal() else "synkron"},
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield session


class HttpTarget:
    """An HTTP endpoint, which recognizes a repeated run by its ``Idempotency-Key``."""

    def __init__(self, endpoint: Endpoint, session: ClientSession, redaction: Redaction) -> None:
        self._endpoint = endpoint
        self._session = session
        self._redaction = redaction

    async def call(self, run: Run, terms: Terms) -> Outcome:
        """POST the run once. A status that has come is the answer, whatever becomes of the body after it."""
        content = body(run)
        headers = self._endpoint.headers_for(run, content, terms.at)
        leased = _Leased(content, terms.lease)
        answer = None
        try:
            async with (
                asyncio.timeout(terms.timeout.total_seconds()),
                self._session.post(
                    self._endpoint.address, data=leased, headers=headers, allow_redirects=False
                ) as response,
            ):
                answer = judge(response.status, response.headers)
                return self._explained(answer, await _beginning(response))
        except Exception as error:  # noqa: BLE001 - nothing that the far side does may stop the worker
            if leased.was_withheld:
                return Outcome(OutcomeKind.RETRYABLE, error=f"not sent: {self._endpoint.place} was connected too late")
            return answer or Outcome(OutcomeKind.RETRYABLE, error=failure(error, self._endpoint.place, terms.timeout))

    def _explained(self, answer: Outcome, beginning: bytes) -> Outcome:
        if answer.error is None:
            return answer
        excerpt = self._redaction.excerpt(beginning.decode("utf-8", "replace"))
        return replace(answer, error=f"{answer.error}: {excerpt}") if excerpt else answer


class _Leased(BytesPayload):
    """A body that is only written under its lease.

    The client writes the headers together with it, so that nothing of the request has left this process before.
    """

    def __init__(self, content: bytes, lease: Lease) -> None:
        super().__init__(content)
        self._lease = lease
        self.was_withheld = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._lease.has_ended():
            self.was_withheld = True
            raise RuntimeError("the lease has ended")
        await super().write_with_length(writer, content_length)


def judge(status: int, headers: Mapping[str, str]) -> Outcome:
    """What an HTTP answer means for the run."""
    if status == 202:
        return Outcome(OutcomeKind.ACCEPTED, status)
    if 200 <= status < 300:
        return Outcome(OutcomeKind.SUCCEEDED, status)
    error = f"HTTP {status} {responses.get(status, '')}".rstrip()
    if 300 <= status < 400:
        return Outcome(
            OutcomeKind.FINAL,
            status,
            f"{error}: redirects are not followed, as they could take secrets to another host; "
            "set the target to the address that it leads to",
        )
    if 400 <= status < 500 and status not in RETRYABLE_STATUSES:
        return Outcome(OutcomeKind.FINAL, status, error)
    return Outcome(OutcomeKind.RETRYABLE, status, error, _retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that the answer asks for, from 0 to 24 h.

    A date is measured from the answer's own Date, so that a host whose clock is wrong asks for the right wait.
    """
    text = headers.get("Retry-After", "").strip()
    if fullmatch(r"-?[0-9]+", text):
        seconds = float(text)
    else:
        try:
            seconds = (_date(text) - _date(headers.get("Date", ""))).total_seconds()
        except (ValueError, OverflowError):
            return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_RETRY_AFTER.total_seconds()))


def _date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def _beginning(response: ClientResponse) -> bytes:
    """The first 64 KiB of the body, or nothing if it is compressed. Read to its end, the connection can be kept."""
    try:
        content = await response.content.readexactly(BODY_LIMIT)
    except asyncio.IncompleteReadError as error:
        content = error.partial
    return b"" if "Content-Encoding" in response.headers else content


def failure(error: Exception, place: str, timeout: timedelta) -> str:
    """Why there was no answer, in words of our own: the exception's could hold the headers that were sent."""
    match error:
        case TimeoutError():
            return f"no answer from {place} within {timeout.total_seconds():g} s"
        case ClientConnectorDNSError():
            return f"the name of {place} is not known to the name servers"
        case ClientConnectorError():
            return f"no connection to {place}: {_reason(error.os_error)}"
        case ServerConnectionError() | ClientPayloadError() | OSError():
            return f"{place} closed the connection before it had answered"
        case ClientError():
            return f"{place} gave an answer that is not HTTP ({type(error).__name__})"
        case _:
            return f"{type(error).__name__} while calling {place}"


def _reason(error: OSError) -> str:
    match error:
        case SSLCertVerificationError():
            return f"its certificate is refused, {error.verify_message}"
        case SSLError():
            return f"no TLS, {error.reason.replace('_', ' ').lower()}"
        case _:
            return os.strerror(error.errno) if error.errno else type(error).__name__
