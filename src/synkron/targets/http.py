"""A target that is an HTTP endpoint: one POST for each attempt, and what its answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import responses

from aiohttp import BytesPayload, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractStreamWriter

from synkron.host import release
from synkron.model import Outcome, OutcomeKind, Run
from synkron.targets.endpoint import Endpoint, body
from synkron.targets.reading import beginning, failure, retry_after
from synkron.targets.secret import Redaction
from synkron.targets.terms import Lease, Terms

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
                return self._explained(answer, await beginning(response))
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
    return Outcome(OutcomeKind.RETRYABLE, status, error, retry_after(headers, LONGEST_RETRY_AFTER))
