"""Three vendors on loopback. Each takes runs, of which some fail at first and one for good, and answers its probes."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import blake2b

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from synkron.cli.demo.fleet import REFUSED
from synkron.settings.load import TypeSettings

# Seconds, shortest and longest.
LATENCY: Mapping[str, tuple[float, float]] = {
    "xledger": (0.040, 0.150),
    "dynamics": (0.030, 0.110),
    "bufdir": (0.020, 0.060),
}
SHARE_OF_FAILURES = 1 / 25
FAILURES = (500, 503, 429)
BACKOFF = timedelta(seconds=2)
# The names of variables.
SECRET = "SYNKRON_DEMO_SECRET"  # noqa: S105
CREDENTIAL = "SYNKRON_DEMO_CREDENTIAL"


@asynccontextmanager
async def vendor_endpoints(latency: Mapping[str, tuple[float, float]] = LATENCY) -> AsyncIterator[Vendors]:
    """The vendors, listening until the end of the block: ``POST /TYPE/sync`` for each type of ``latency``."""
    vendors = Vendors(latency)
    runner = web.AppRunner(vendors.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        vendors.port = runner.addresses[0][1]
        yield vendors
    finally:
        await runner.cleanup()


class Vendors:
    """The state of the vendors. ``secret`` signs the runs that are sent to them; probes carry the ``credential``.

    ``successes`` counts how often each run was delivered and answered with 200, by key. None should be above 1.
    """

    def __init__(self, latency: Mapping[str, tuple[float, float]]) -> None:
        self.port = 0
        self.secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        self.credential = secrets.token_urlsafe(24)
        self.successes: Counter[str] = Counter()
        self._latency = latency
        self._refused: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What ``types`` points to."""
        return {SECRET: self.secret, CREDENTIAL: self.credential}

    @property
    def types(self) -> dict[str, TypeSettings]:
        """The settings of each type: where its runs are delivered, and what is probed."""
        token = {"url": self.url("dynamics/token"), "client_id": "demo", "client_secret": f"env:{CREDENTIAL}"}
        health = {
            "xledger": {"url": self.url("xledger/graphql"), "headers": {"Authorization": f"env:{CREDENTIAL}"}},
            "dynamics": {"url": self.url("dynamics/companies"), "token": token},
            "bufdir": {"url": self.url("bufdir/")},
        }
        return {
            name: TypeSettings.model_validate(
                {"target": self.url(f"{name}/sync"), "secret": f"env:{SECRET}", "backoff": BACKOFF, "health": watched}
            ).named(name)
            for name, watched in health.items()
        }

    def url(self, path: str) -> str:
        """Where the vendors answer."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def application(self) -> web.Application:
        """The web application of all vendors."""
        application = web.Application()
        application.add_routes(
            [
                *(web.post(f"/{integration_type}/sync", self._sync) for integration_type in self._latency),
                web.post("/xledger/graphql", self._probed),
                web.post("/dynamics/token", self._token),
                web.get("/dynamics/companies", self._probed),
                web.get("/bufdir/", _front_page),
            ]
        )
        return application

    async def _sync(self, request: web.Request) -> web.Response:
        """Check the request, record it, and respond after the vendor's latency.

        A run counts as done once it is received: if the caller dies before the response, it delivers the run again.
        """
        content = await request.read()
        key = request.headers.get("Idempotency-Key")
        if not key:
            return _refusal(400, "the header Idempotency-Key is missing")
        if not self._is_signed(request, content):
            return _refusal(401, "the signature is missing or wrong")
        try:
            run = json.loads(content)
            attempt = int(run["attempt"])
        except (ValueError, KeyError, TypeError):
            return _refusal(400, "the body is not a run")
        if run.get("integration_id") == str(REFUSED.id) and self._refused is None:
            self._refused = key
            return _refusal(422, "the period is closed; open it, then `synkron runs retry`")
        repeated = key in self.successes
        status = 200 if repeated else _answer(key, attempt)
        if status == 200:
            self.successes[key] += 1
        shortest, longest = self._latency[request.path.split("/")[1]]
        # This simulates the vendor's latency.
        await asyncio.sleep(shortest + (longest - shortest) * _lot(f"latency {key} {attempt}"))  # noqa: TID251
        if status == 200:
            return web.json_response({"repeated": repeated})
        return web.json_response({"error": "try again"}, status=status, headers={"Retry-After": "1"})

    async def _probed(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") not in (self.credential, f"Bearer {self.credential}"):
            return _refusal(401, "the credential is missing or wrong")
        return web.json_response({})

    async def _token(self, request: web.Request) -> web.Response:
        if (await request.post()).get("client_secret") != self.credential:
            return _refusal(401, "invalid_client")
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": self.credential})

    def _is_signed(self, request: web.Request, content: bytes) -> bool:
        try:
            Webhook(self.secret).verify(content, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True


async def _front_page(request: web.Request) -> web.Response:
    del request
    return web.Response(text="<!doctype html><title>Bufdir</title>", content_type="text/html")


def _answer(key: str, attempt: int) -> int:
    """About 1 run in 25 fails on its first attempt; none fails on its second."""
    if attempt > 1 or _lot(f"failure {key}") >= SHARE_OF_FAILURES:
        return 200
    return FAILURES[int(_lot(f"kind {key}") * len(FAILURES))]


def _lot(text: str) -> float:
    """A pseudo-random number from 0 up to 1, always the same for the same text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48


def _refusal(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)
