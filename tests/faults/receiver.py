"""The target: an HTTP endpoint on loopback that records every delivery and answers as the faults have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from hashlib import sha256

from aiohttp import web

from tests.faults.clock import host_time
from tests.faults.fleet import pause
from tests.faults.oracle import Delivery

# Seconds of the host's: a usual answer, and one that takes so long that a fault may meet it.
USUAL = (0.005, 0.08)
LONG = (0.3, 1.5)
LONG_SHARE = 0.4
# Seconds that a "too many requests" asks to wait, in the calendar's time.
WAIT = (2, 40)


class Answer(StrEnum):
    """What the target makes of a delivery."""

    OK = "200"
    HANGS = "hangs"
    FAILS = "500"
    BUSY_SECONDS = "429, seconds"
    BUSY_DATE = "429, date"
    CUTS = "cuts"
    ODD = "no status of any standard"


@dataclass
class Receiver:
    """``deliveries`` in the order in which they came. While a misbehaviour lasts, a share of them meets it."""

    deliveries: list[Delivery] = field(default_factory=list)
    url: str = ""
    _misbehaving: list[tuple[Answer, float]] = field(default_factory=list)

    @contextmanager
    def misbehaving(self, answer: Answer, share: float) -> Iterator[None]:
        """Until this is left, that share of the deliveries gets this answer."""
        self._misbehaving.append((answer, share))
        try:
            yield
        finally:
            self._misbehaving.remove((answer, share))

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """One delivery: it has taken effect when its body has been read."""
        told = await request.json()
        received = host_time()
        key = request.headers["Idempotency-Key"]
        answer = self._answer(f"{key}/{told['attempt']}")
        self.deliveries.append(
            Delivery(
                key=key,
                run_id=told["run_id"],
                integration_id=told["integration_id"],
                scheduled_for=datetime.fromisoformat(told["scheduled_for"]),
                attempt=told["attempt"],
                received=received,
                answer=answer.value,
            )
        )
        return await self._respond(request, answer, f"{key}/{told['attempt']}")

    def _answer(self, name: str) -> Answer:
        return next((answer for answer, share in self._misbehaving if _chance(answer, name) < share), Answer.OK)

    async def _respond(self, request: web.Request, answer: Answer, name: str) -> web.StreamResponse:
        match answer:
            case Answer.HANGS:
                await asyncio.Event().wait()  # until the far side gives up
            case Answer.FAILS:
                return web.Response(status=500, text="the harness says no")
            case Answer.BUSY_SECONDS:
                return web.Response(status=429, headers={"Retry-After": str(round(_between(WAIT, "wait", name)))})
            case Answer.BUSY_DATE:
                now = host_time().replace(microsecond=0)
                later = now + timedelta(seconds=round(_between(WAIT, "wait", name)))
                dates = {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(later, usegmt=True)}
                return web.Response(status=429, headers=dates)
            case Answer.CUTS:
                assert request.transport
                request.transport.abort()
            case Answer.ODD:
                return web.Response(status=999 if _chance("odd", name) < 0.5 else 600, text="the harness says odd")
        span = LONG if _chance("long", name) < LONG_SHARE else USUAL
        await pause(_between(span, "span", name))
        return web.json_response({"received": name})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port of the loopback; the last part of the path is the integration type."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/{integration_type}", receiver.receive)
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def _between(span: tuple[float, float], what: str, name: str) -> float:
    return span[0] + (span[1] - span[0]) * _chance(what, name)


def _chance(what: str, name: str) -> float:
    """A number from 0 to 1 that depends on the delivery alone, so that a seed always meets the same."""
    return int.from_bytes(sha256(f"{what}/{name}".encode()).digest()[:4], "big") / 2**32
