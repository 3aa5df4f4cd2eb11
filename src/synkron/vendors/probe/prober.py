"""Sends probes. Each is one request, limited in time and in what is read. Every result becomes a sample."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from aiohttp import ClientSession

from synkron.http import beginning, failure, open_session
from synkron.settings.redaction import Redaction
from synkron.shortage import Shortage
from synkron.vendors.health import Contact, Health, Sample, Verdict, Watch
from synkron.vendors.probe.answer import Answer, read_answer
from synkron.vendors.probe.request import ProbeRequest, method_for
from synkron.vendors.probe.token import NoToken, Tokens

CONNECTIONS = 20


@asynccontextmanager
async def open_prober(requests: Mapping[str, ProbeRequest]) -> AsyncIterator[Prober]:
    """A prober for the endpoints in ``requests``, which keeps its tokens. Closed at the end."""
    async with open_session(CONNECTIONS) as session:
        yield Prober(session, requests)


# requirement R18.1
class Prober:
    """Probes endpoints with its own session."""

    def __init__(self, session: ClientSession, requests: Mapping[str, ProbeRequest]) -> None:
        self._session = session
        self._requests = requests
        self._clock = asyncio.get_running_loop().time
        self._tokens = Tokens(session)

    async def probe(self, watch: Watch, health: Health, at: datetime) -> Sample:
        """Send one probe at that moment. The sample's time is when the answer came.

        Raises only cancellation and Shortage.
        """
        began = self._clock()
        sample = await self._probed(watch, health, at, began)
        # A run that ended while this waited for the answer is older than the answer.
        return replace(sample, at=at + self._since(began))

    async def _probed(self, watch: Watch, health: Health, at: datetime, began: float) -> Sample:
        request = self._requests[watch.endpoint]
        secrets = list(request.secrets)
        headers = {**request.headers, **{name: one.get_secret_value() for name, one in request.secret_headers.items()}}
        if request.token is not None:
            try:
                token = await self._tokens.token(request.token, at, watch.timeout)
            except NoToken as error:
                return Sample(at, Contact.PROBE, error.finding, error.reason, http_status=error.http_status)
            secrets.append(token)
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        # The next probe is 15 minutes after this one is sent, which is after its token. Both share the timeout.
        taken = self._since(began)
        sent_at = at + timedelta(seconds=int(taken.total_seconds()))
        left = max(watch.timeout - taken, timedelta())
        method = method_for(request, health)
        sample = await self._sent(request, method, headers, watch, at, left, Redaction(secrets))
        if sample.finding is Verdict.UNAUTHORIZED and request.token is not None:
            self._tokens.drop(request.token)
        return replace(sample, sent_at=sent_at)

    async def _sent(
        self,
        request: ProbeRequest,
        method: str,
        headers: Mapping[str, str],
        watch: Watch,
        at: datetime,
        left: timedelta,
        redaction: Redaction,
    ) -> Sample:
        began = self._clock()
        body = None if request.body is None else request.body.encode()
        answer: Answer | None = None
        try:
            async with (
                asyncio.timeout(left.total_seconds()),
                self._session.request(
                    method, request.address, headers=headers, data=body, allow_redirects=False
                ) as response,
            ):
                status, latency = response.status, self._since(began)
                answer = Answer(method, request.is_authorized, status, response.headers, b"", latency)
                answer = replace(answer, content=await beginning(response), latency=self._since(began))
        except Shortage:
            raise
        except Exception as error:  # noqa: BLE001 - every error of the vendor becomes a sample
            # Without path and query, which may contain a secret.
            reason = failure(error, request.address.host_port_subcomponent or "", watch.timeout)
            if answer is None:
                return Sample(at, Contact.PROBE, Verdict.UNREACHABLE, reason, latency=self._since(began))
            if not answer.content:
                # Once the status has arrived it counts, even if the body is incomplete.
                answer = replace(answer, latency=self._since(began), broken=reason)
        return read_answer(answer, watch, at, redaction.excerpt)

    def _since(self, began: float) -> timedelta:
        return timedelta(seconds=max(self._clock() - began, 0.0))
