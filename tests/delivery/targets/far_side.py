"""The far side of a target: an HTTP server on loopback that keeps what it is sent, and the run that is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web
from multidict import CIMultiDict

from synkron.delivery.targets import Target, open_targets
from synkron.delivery.targets.lease import Lease, Terms
from synkron.delivery.targets.request import WARM_UP
from synkron.ledger.keys import idempotency_key
from synkron.model import Run, Source
from synkron.runtime import wall_clock
from synkron.settings.load import Settings

INSTALLATION = UUID("0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51")
SCHEDULED_FOR = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
RUN = Run(
    id=4711,
    key=idempotency_key(INSTALLATION, "integration-1", SCHEDULED_FOR),
    integration_id="integration-1",
    org_id="organization-1",
    integration_type="xledger",
    source=Source.SCHEDULE,
    scheduled_for=SCHEDULED_FOR,
    period_start=SCHEDULED_FOR - timedelta(days=1),
    period_end=SCHEDULED_FOR,
    attempt=1,
    failures=0,
    crashes=0,
    drift=timedelta(milliseconds=80),
)
# A timeout that no test waits for.
PATIENCE = timedelta(seconds=20)
LASTING = Lease(ends=1.0, clock=lambda: 0.0)
ENDED = Lease(ends=0.0, clock=lambda: 0.0)

SIGNING = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def terms(timeout: timedelta = PATIENCE, *, at: datetime | None = None, lease: Lease = LASTING) -> Terms:
    """Terms that hold for a call; now, unless they say when."""
    return Terms(at or wall_clock(), timeout, lease)


@dataclass
class Request:
    """One request, as it arrived."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes


@dataclass
class FarSide:
    """A server at ``url`` that answers as ``answer`` says, and remembers the requests."""

    url: str
    answer: Answer
    requests: list[Request] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def deliveries(self) -> list[Request]:
        """The requests that are runs. Whether warm-ups came before them depends on the second of the minute."""
        return [request for request in self.requests if WARM_UP not in request.headers]


@asynccontextmanager
async def far_side(answer: Answer) -> AsyncIterator[FarSide]:
    """A far side that listens until the end of the block."""

    async def receive(request: web.Request) -> web.StreamResponse:
        content = await request.read()
        listening.requests.append(Request(request.method, request.raw_path, CIMultiDict(request.headers), content))
        listening.reached.set()
        return await listening.answer(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receive)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listening = FarSide(f"http://127.0.0.1:{runner.addresses[0][1]}", answer)
    try:
        yield listening
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_far_side(answer: bytes, heads: list[bytes] | None = None) -> AsyncIterator[str]:
    """The address of a server that answers any request with these bytes, and hangs up; ``heads`` gets what it reads."""

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(sum(int(line.partition(b":")[2]) for line in lengths))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def accept(request: web.Request) -> web.Response:
    """Answer 200."""
    del request
    return web.json_response({"ok": True})


def answering(status: int, text: str = "", **headers: str) -> Answer:
    """Answer with this status, text and headers (``Retry_After`` for ``Retry-After``)."""

    async def answer(request: web.Request) -> web.Response:
        del request
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return answer


@asynccontextmanager
async def target_at(address: str, **settings: Any) -> AsyncIterator[Target]:
    """The target for this address, opened as the service opens it. A test may set ``env:SIGNING`` and ``env:TOKEN``."""
    types = {"xledger": {"target": address} | settings}
    async with open_targets(Settings(types=types), {"SIGNING": SIGNING, "TOKEN": "Bearer t0ken"}) as targets:
        yield targets["xledger"]


@asynccontextmanager
async def delivered(answer: Answer = accept, **settings: Any) -> AsyncIterator[tuple[Target, FarSide]]:
    """A far side, and the target that calls it."""
    async with far_side(answer) as there, target_at(f"{there.url}/sync?tenant=7", **settings) as target:
        yield target, there
