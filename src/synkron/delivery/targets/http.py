"""A target that is an HTTP endpoint: one POST for each attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiohttp import BytesPayload, ClientSession
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from synkron.delivery.recordable import DONE, recordable
from synkron.delivery.targets.answer import outcome_of, refused
from synkron.delivery.targets.edge_function import platform_error
from synkron.delivery.targets.lease import Lease, Terms
from synkron.delivery.targets.request import TargetEndpoint, body
from synkron.delivery.targets.uptime import Uptime
from synkron.http import beginning, failure, incomplete, status_text
from synkron.model import Outcome, OutcomeKind, Run, recorded_status
from synkron.settings.redaction import Redaction
from synkron.shortage import Shortage
from synkron.vendors.throttling import refusal_in


@dataclass(frozen=True, slots=True)
class WarmUpResult:
    """The result of a warm-up: the status, or an error in words if no answer came; ``duration`` is until either.

    ``uptime`` is how long the target had been up when it answered, if it says so.
    """

    duration: timedelta
    http_status: int | None = None
    uptime: timedelta | None = None
    error: str | None = None


class HttpTarget:
    """An HTTP endpoint, which recognizes a repeated run by its ``Idempotency-Key``."""

    def __init__(self, endpoint: TargetEndpoint, session: ClientSession, redaction: Redaction) -> None:
        self._endpoint = endpoint
        self._session = session
        self._redaction = redaction

    @property
    def address(self) -> URL:
        """Its address, to tell targets apart. It may contain a secret: never show it."""
        return self._endpoint.address

    async def call(self, run: Run, terms: Terms) -> Outcome:
        """POST the run. Once the status has arrived it counts, even if the body is incomplete."""
        content = body(run)
        headers = self._endpoint.headers_for(run, content, terms.at)
        leased = _Leased(content, terms.lease)
        uptime = Uptime(terms.at, terms.lease.clock)
        answer = None
        try:
            async with (
                asyncio.timeout(terms.timeout.total_seconds()),
                self._session.post(
                    self._endpoint.address, data=leased, headers=headers, allow_redirects=False
                ) as response,
            ):
                answer = outcome_of(response.status, response.headers)
                uptime.note_call(response.headers)
                answer = self._explained(answer, response.headers, await beginning(response), terms.at)
        except Shortage:
            raise
        except Exception as error:  # noqa: BLE001 - nothing that the target does may stop the worker
            if leased.was_withheld:
                return Outcome(
                    OutcomeKind.RETRYABLE,
                    error=f"not sent: the connection to {self._endpoint.place} came too late",
                )
            if answer is None:
                answer = Outcome(OutcomeKind.RETRYABLE, error=failure(error, self._endpoint.place, terms.timeout))
            elif answer.kind in DONE:
                answer = replace(answer, error=incomplete(error, terms.timeout))
        up = uptime.now()
        return recordable(answer if up is None else replace(answer, uptime=up))

    async def warm_up(self, name: str, at: datetime, within: timedelta) -> WarmUpResult:
        """Send one request that is not a run: with a safe method, without a body, and marked by a header.

        ``name`` is its id in the signature. Any answer counts as success. Errors of the target are never raised.
        """
        headers = self._endpoint.warm_up_headers(name, at)
        uptime = Uptime(at, asyncio.get_running_loop().time)
        met = None
        try:
            async with (
                asyncio.timeout(within.total_seconds()),
                self._session.request(
                    self._endpoint.warm_up_method, self._endpoint.address, headers=headers, allow_redirects=False
                ) as response,
            ):
                uptime.note_call(response.headers)
                status = recorded_status(response.status)
                odd = None if status == response.status else f"it answered {status_text(response.status)}"
                met = WarmUpResult(uptime.elapsed, status, uptime.now(), odd)
                await beginning(response)
        except Exception as error:  # noqa: BLE001 - as above
            met = met or WarmUpResult(uptime.elapsed, error=failure(error, self._endpoint.place, within))
        return met

    def _explained(self, answer: Outcome, headers: Mapping[str, str], beginning: bytes, at: datetime) -> Outcome:
        """The answer with what its body adds: a vendor's refusal that was passed on, and the text of an error.

        An error of the platform in front of an Edge Function is explained instead.
        """
        codes = self._endpoint.throttled_codes
        if codes and (refusal := refusal_in(beginning, codes)):
            answer = refused(answer, refusal, codes[refusal.code], headers, at)
        if answer.error is None:
            return answer
        if self._endpoint.is_edge_function and (meaning := platform_error(answer.http_status, headers)):
            return replace(answer, error=f"{answer.error}: {meaning}")
        excerpt = self._redaction.excerpt(beginning.decode("utf-8", "replace"))
        return replace(answer, error=f"{answer.error}: {excerpt}") if excerpt else answer


class _Leased(BytesPayload):
    """A body that is written only while its lease lasts.

    The client writes the headers together with the body, so nothing of the request leaves this process before.
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
