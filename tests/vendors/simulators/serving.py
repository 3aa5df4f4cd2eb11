"""What the simulated vendors share: a server on loopback, faults on demand, and a record of what came."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from typing import ParamSpec, TypeAlias, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from synkron.runtime import WallClock

CHUNK = bytes(1024 * 1024)
# An end after all, so that a client that keeps everything does not take the whole machine with it.
CHUNKS = 256


class SimulatedFault(Enum):
    """What is wrong with a vendor."""

    NONE = "answers as usual"
    DOWN = "answers 503"
    ERROR = "answers 500"
    SILENT = "never answers"
    GARBAGE = "answers 200 with bytes that are neither JSON nor HTML"
    HUGE = "answers 200 with a body of 256 MiB"
    REDIRECT_LOOP = "redirects to itself"
    CLOSED = "closes the connection without an answer"
    SLOW = "answers as usual, but late"


# From when, until before when, and what is wrong in between.
Outage: TypeAlias = tuple[datetime, datetime, SimulatedFault]


@dataclass(frozen=True, slots=True)
class Received:
    """A request. ``authorized``: it carried a credential that holds. ``answered`` is the status, None without one."""

    at: datetime
    method: str
    path: str
    authorized: bool
    answered: int | None = None


class Simulator(ABC):
    """A vendor, at ``base_url`` once it listens. What is public here may be changed at any time.

    ``fault`` is what is wrong now; otherwise ``outages`` say so by the clock. ``received`` is in the order of arrival.
    ``latency`` is how long each answer takes, ``slowness`` how much longer under :attr:`Fault.SLOW`, in real seconds.
    """

    def __init__(self, clock: WallClock, latency: float) -> None:
        self.base_url = ""
        self.fault = SimulatedFault.NONE
        self.outages: list[Outage] = []
        self.received: list[Received] = []
        self.latency = latency
        self.slowness = 0.5
        self._clock = clock
        self._arrival = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._closing = asyncio.Event()

    @abstractmethod
    def routes(self) -> Sequence[web.RouteDef]:
        """What it answers to."""

    @abstractmethod
    async def is_authorized(self, request: web.Request) -> bool:
        """Whether the request carries a credential that holds."""

    def unavailable(self) -> web.Response:
        """The answer under :attr:`Fault.DOWN`."""
        return web.Response(status=503, text="Service Unavailable")

    def fault_at(self, at: datetime, path: str) -> SimulatedFault:
        """What is wrong at that moment with that path."""
        del path
        if self.fault is not SimulatedFault.NONE:
            return self.fault
        return next((fault for start, end, fault in self.outages if start <= at < end), SimulatedFault.NONE)

    @property
    def requests(self) -> Counter[str]:
        """How often each was asked for, by method and path: ``HEAD /``."""
        return Counter(f"{one.method} {one.path}" for one in self.received)

    async def until_received(self, count: int) -> None:
        """Wait until that many requests have come."""
        while len(self.received) < count:
            self._arrival.clear()
            await self._arrival.wait()

    def hold(self) -> None:
        """Finish no request until :meth:`release`, so that many are under way at once."""
        self._flowing.clear()

    def release(self) -> None:
        """Finish what was held."""
        self._flowing.set()

    def close(self) -> None:
        """Let go of the requests that wait, so that the server can stop."""
        self._closing.set()
        self.release()

    async def work(self) -> None:
        """Take the time that an answer takes."""
        await self._flowing.wait()
        await self.pause(self.latency)

    async def pause(self, seconds: float) -> None:
        """Wait for real, though not beyond the server's end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def application(self) -> web.Application:
        """The web application of this vendor."""
        application = web.Application(middlewares=[self._receive])
        application.add_routes(self.routes())
        application.on_response_prepare.append(self._date)
        return application

    @web.middleware
    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Remember the request at once, and its answer before it is sent: whoever has it finds it recorded."""
        at = self._clock()
        received = Received(at, request.method, request.path, await self.is_authorized(request))
        self.received.append(received)
        self._arrival.set()
        fault = self.fault_at(at, request.path)
        try:
            response = await self._answer(fault, request, handler)
        except web.HTTPException as refusal:
            self._note(received, refusal.status)
            raise
        if response is None:
            return _hung_up(request)
        self._note(received, response.status)
        if fault is SimulatedFault.HUGE:
            await _offer(response, request)
        return response

    async def _answer(self, fault: SimulatedFault, request: web.Request, handler: Handler) -> web.StreamResponse | None:
        """The answer under this fault, or None if there is to be none."""
        match fault:
            case SimulatedFault.NONE:
                return await handler(request)
            case SimulatedFault.SLOW:
                await self.pause(self.slowness)
                return await handler(request)
            case SimulatedFault.DOWN:
                return self.unavailable()
            case SimulatedFault.ERROR:
                return web.Response(status=500, text="Internal Server Error")
            case SimulatedFault.GARBAGE:
                return web.Response(body=bytes(reversed(range(256))), content_type="application/json")
            case SimulatedFault.HUGE:
                return web.StreamResponse(headers={"Content-Type": "application/json"})
            case SimulatedFault.REDIRECT_LOOP:
                return web.Response(status=307, headers={"Location": request.path_qs})
            case SimulatedFault.SILENT:
                await self._closing.wait()
                return None
            case SimulatedFault.CLOSED:
                return None

    def _note(self, received: Received, status: int) -> None:
        """Replace the record by one with its status, unless it was cleared away meanwhile."""
        for place in reversed(range(len(self.received))):
            if self.received[place] is received:
                self.received[place] = replace(received, answered=status)
                return

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        """The server's own date would contradict a clock that is stepped."""
        del request
        response.headers["Date"] = format_datetime(self._clock().astimezone(UTC), usegmt=True)


Parameters = ParamSpec("Parameters")
Vendor = TypeVar("Vendor", bound=Simulator)


def served(make: Callable[Parameters, Vendor]) -> Callable[Parameters, AbstractAsyncContextManager[Vendor]]:
    """A function that makes a vendor, which listens on a free port of 127.0.0.1 until the end of the block."""

    @asynccontextmanager
    async def listening(*args: Parameters.args, **kwargs: Parameters.kwargs) -> AsyncIterator[Vendor]:
        vendor = make(*args, **kwargs)
        runner = web.AppRunner(vendor.application(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            vendor.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield vendor
        finally:
            vendor.close()
            await runner.cleanup()

    return listening


def instant(moment: datetime) -> str:
    """``2026-06-01T12:00:00.000000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _hung_up(request: web.Request) -> web.StreamResponse:
    """Close the connection. The server wants an answer all the same, and finds that it cannot be sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _offer(response: web.StreamResponse, request: web.Request) -> None:
    """Send far more than anyone wants, until the client hangs up."""
    if request.method == "HEAD":
        return
    with suppress(ConnectionError):
        await response.prepare(request)
        for _ in range(CHUNKS):
            await response.write(CHUNK)
