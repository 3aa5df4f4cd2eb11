"""Three vendors' sync endpoints on loopback, which sometimes fail, and record what they receive."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from synkron.runtime import WallClock, wall_clock

# Seconds, shortest and longest.
LATENCY: Mapping[str, tuple[float, float]] = {
    "xledger": (0.040, 0.150),
    "dynamics": (0.030, 0.110),
    "bufdir": (0.020, 0.060),
}
SHARE_OF_FAILURES = 1 / 25
FAILURES = (500, 503, 429)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt that a vendor received, and the HTTP status of its response."""

    key: str
    run_id: int
    integration_type: str
    attempt: int
    received_at: datetime
    answered: int


@asynccontextmanager
async def vendor_endpoints(
    *, clock: WallClock = wall_clock, latency: Mapping[str, tuple[float, float]] = LATENCY
) -> AsyncIterator[Vendors]:
    """The vendors, listening until the end of the block.

    ``POST /TYPE/sync`` for each type of ``latency``; ``GET /deliveries`` lists what was received.
    """
    vendors = Vendors(clock, latency)
    runner = web.AppRunner(vendors.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        vendors.port = runner.addresses[0][1]
        yield vendors
    finally:
        await runner.cleanup()


class Vendors:
    """The state of the vendors. ``secret`` signs the requests to them; ``deliveries`` are in order of arrival."""

    def __init__(self, clock: WallClock, latency: Mapping[str, tuple[float, float]]) -> None:
        self.port = 0
        self.secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        self.deliveries: list[Delivery] = []
        self._clock = clock
        self._latency = latency
        self._done: set[str] = set()

    def url(self, integration_type: str) -> str:
        """Where runs of this type are delivered."""
        return f"http://127.0.0.1:{self.port}/{integration_type}/sync"

    @property
    def repeats(self) -> Counter[str]:
        """How often each run was delivered again after it had succeeded, by key. It should be empty."""
        successes = Counter(one.key for one in self.deliveries if one.answered == web.HTTPOk.status_code)
        return successes - Counter(set(successes))

    def application(self) -> web.Application:
        """The web application of all vendors."""
        application = web.Application()
        for integration_type in self._latency:
            application.router.add_post(f"/{integration_type}/sync", self._sync)
        application.router.add_get("/deliveries", self._tell)
        return application

    async def _sync(self, request: web.Request) -> web.Response:
        """Check the request, record it, and respond after the vendor's latency.

        A run counts as done once it is received: if the caller dies before the response, it delivers the run again.
        """
        received_at = self._clock()
        content = await request.read()
        integration_type = request.path.split("/")[1]
        key = request.headers.get("Idempotency-Key")
        if not key:
            return _refusal(400, "the header Idempotency-Key is missing")
        if not self._is_signed(request, content):
            return _refusal(401, "the signature is missing or wrong")
        try:
            told = json.loads(content)
            run_id, attempt = int(told["run_id"]), int(told["attempt"])
        except (ValueError, KeyError, TypeError):
            return _refusal(400, "the body is not a run")
        repeated = key in self._done
        status = 200 if repeated else _answer(key, attempt)
        self.deliveries.append(Delivery(key, run_id, integration_type, attempt, received_at, status))
        if status == 200:
            self._done.add(key)
        shortest, longest = self._latency[integration_type]
        # This simulates the vendor's latency.
        await asyncio.sleep(shortest + (longest - shortest) * _lot(f"latency {key} {attempt}"))  # noqa: TID251
        if status == 200:
            return web.json_response({"repeated": repeated})
        return web.json_response({"error": "try again"}, status=status, headers={"Retry-After": "1"})

    async def _tell(self, request: web.Request) -> web.Response:
        del request
        told = [asdict(one) | {"received_at": one.received_at.isoformat()} for one in self.deliveries]
        return web.json_response(told)

    def _is_signed(self, request: web.Request, content: bytes) -> bool:
        try:
            Webhook(self.secret).verify(content, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True


def _answer(key: str, attempt: int) -> int:
    """About 1 run in 25 fails on its first attempt; none fails on its second, so that no run is lost."""
    if attempt > 1 or _lot(f"failure {key}") >= SHARE_OF_FAILURES:
        return 200
    return FAILURES[int(_lot(f"kind {key}") * len(FAILURES))]


def _lot(text: str) -> float:
    """A pseudo-random number from 0 up to 1, always the same for the same text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48


def _refusal(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)
