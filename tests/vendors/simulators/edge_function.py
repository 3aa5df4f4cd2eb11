"""A target as an Edge Function is one: its first call is slow, and once idle it is cold again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

from aiohttp import web
from standardwebhooks import Webhook

from synkron.runtime import WallClock, wall_clock
from tests.vendors.simulators.serving import Simulator, instant, served

BOOTED_AT = "Synkron-Booted-At"
WARM_UP = "Synkron-Warm-Up"
# Standard Webhooks' own, which its library measures by the host's clock alone.
TOLERANCE = timedelta(minutes=5)


class EdgeFunction(Simulator):
    """A function with at most one isolate, which takes ``cold_start`` real seconds to boot.

    The isolate is retired when idle for ``idle`` by the clock. It says when it booted if ``reports_boot``, and wants
    signed runs if there is a ``secret``. ``runs`` are the idempotency keys in the order of arrival.
    """

    def __init__(
        self,
        *,
        clock: WallClock = wall_clock,
        cold_start: float = 0.3,
        idle: timedelta = timedelta(minutes=1),
        reports_boot: bool = True,
        secret: str | None = None,
        latency: float = 0.0,
    ) -> None:
        super().__init__(clock, latency)
        self.cold_start = cold_start
        self.idle = idle
        self.reports_boot = reports_boot
        self.secret = secret
        self.booted_at: datetime | None = None
        self.boots = 0
        self.warm_ups = 0
        self.runs: list[str] = []
        self._done: set[str] = set()
        self._warm_until: datetime | None = None
        self._booted = asyncio.Event()
        self._under_way = 0

    @property
    def sync_url(self) -> str:
        """Where runs are delivered, and where it is warmed up."""
        return f"{self.base_url}/sync"

    @property
    def repeats(self) -> Counter[str]:
        """How often each run came again, by key."""
        return Counter(self.runs) - Counter(set(self.runs))

    def retire(self) -> None:
        """Let the next call be a cold one, as after a deployment."""
        self._warm_until = None

    def routes(self) -> Sequence[web.RouteDef]:
        """The function: the platform hands it every method."""
        return [web.route("*", "/sync", self._call)]

    async def is_authorized(self, request: web.Request) -> bool:
        """Whether the signature is right. Without a secret, anyone may call."""
        return self.secret is None or self._is_signed(self.secret, request.headers, await request.read())

    async def _call(self, request: web.Request) -> web.Response:
        """Let an isolate answer, and keep it warm from then on."""
        is_cold = self._is_cold()
        self._under_way += 1
        try:
            if is_cold:
                await self._boot()
            await self._booted.wait()
            response = await self._sync(request)
        finally:
            self._under_way -= 1
            self._warm_until = self._clock() + self.idle
        if self.reports_boot and self.booted_at is not None:
            response.headers[BOOTED_AT] = instant(self.booted_at)
        return response

    def _is_cold(self) -> bool:
        """Whether there is no isolate. One that is at work is not idle, and one that boots is waited for."""
        if self._under_way:
            return False
        return self._warm_until is None or self._clock() >= self._warm_until

    async def _boot(self) -> None:
        self.boots += 1
        self._booted.clear()
        try:
            await self.pause(self.cold_start)
            self.booted_at = self._clock()
        finally:
            self._booted.set()

    async def _sync(self, request: web.Request) -> web.Response:
        if request.method == "GET" and request.headers.get(WARM_UP) == "1":
            self.warm_ups += 1
            return web.Response(status=204)
        if request.method != "POST":
            return web.json_response({"error": "only POST"}, status=405, headers={"Allow": "POST"})
        key = request.headers.get("Idempotency-Key")
        if not key:
            return _refusal(400, "the header Idempotency-Key is missing")
        if not await self.is_authorized(request):
            return _refusal(401, "the signature is missing or wrong")
        if not _is_object(await request.read()):
            return _refusal(400, "the body is not a run")
        repeated = key in self._done
        self._done.add(key)
        self.runs.append(key)
        await self.work()
        return web.json_response({"repeated": repeated})

    def _is_signed(self, secret: str, headers: Mapping[str, str], content: bytes) -> bool:
        try:
            moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            expected = Webhook(secret).sign(headers["webhook-id"], moment, content.decode())
            signatures = [one.encode() for one in headers["webhook-signature"].split(" ")]
        except (KeyError, ValueError, OverflowError, OSError):
            return False
        in_time = abs(self._clock() - moment) <= TOLERANCE
        return in_time and any(compare_digest(one, expected.encode()) for one in signatures)


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


def _refusal(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)


edge_function = served(EdgeFunction)
