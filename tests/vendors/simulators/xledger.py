"""Xledger: GraphQL, throttled inside a 200, with a monthly allowance.

It has no schema: the only query that it answers is the cheapest, ``query { __typename }``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe

from aiohttp import web

from synkron.runtime import WallClock, wall_clock
from tests.vendors.simulators.limits import SlidingWindow
from tests.vendors.simulators.serving import Simulator, instant, served

# As published: further requests cost GBP 0.01 each, and are not refused.
ALLOWANCE = 5_000
# The vendor does not say how many are too many.
BURST = 10
BURST_SPAN = timedelta(seconds=1)
QUERY = re.compile(r"\s*(query(\s+\w+)?\s*)?\{\s*__typename\s*\}\s*")
HOME = "<!doctype html><html><head><title>Xledger</title></head><body><h1>Xledger</h1></body></html>"


class Xledger(Simulator):
    """Xledger, with one customer, whose API token is ``token``.

    ``burst`` is how many requests it takes within a second. While ``burst_limited``, it takes none; until
    ``credits_reset_at``, neither, and it says when that is unless ``tells_reset`` is false. ``requests_by_month`` is
    what it puts on the bill, by ``2026-06``: each request with the token, whatever is answered.
    """

    def __init__(
        self, *, clock: WallClock = wall_clock, allowance: int = ALLOWANCE, burst: int = BURST, latency: float = 0.0
    ) -> None:
        super().__init__(clock, latency)
        self.token = token_urlsafe(24)
        self.allowance = allowance
        self.burst_limited = False
        self.credits_reset_at: datetime | None = None
        self.tells_reset = True
        self.requests_by_month: Counter[str] = Counter()
        self._burst = SlidingWindow(burst, BURST_SPAN)

    @property
    def graphql_url(self) -> str:
        """Where queries are sent."""
        return f"{self.base_url}/graphql"

    @property
    def home_url(self) -> str:
        """What anyone may ask for, for free."""
        return f"{self.base_url}/"

    @property
    def requests_this_month(self) -> int:
        """How many requests the vendor has counted since the month began, in UTC."""
        return self.requests_by_month[_month(self._clock())]

    @property
    def overage_this_month(self) -> int:
        """How many of them are beyond the allowance."""
        return max(0, self.requests_this_month - self.allowance)

    def routes(self) -> Sequence[web.RouteDef]:
        """The home page and the API."""
        return [web.get("/", self._home), web.post("/graphql", self._graphql)]

    async def is_authorized(self, request: web.Request) -> bool:
        """Whether the header holds the token, behind the word that this vendor wants."""
        return request.headers.get("Authorization") == f"token {self.token}"

    async def _home(self, request: web.Request) -> web.Response:
        del request
        await self.work()
        return web.Response(text=HOME, content_type="text/html")

    async def _graphql(self, request: web.Request) -> web.Response:
        """Check the token, count the request, then see whether it is taken, and what it asks for."""
        if not await self.is_authorized(request):
            return _errors(401, "The header must be Authorization: token TOKEN, with a token that holds.")
        at = self._clock()
        self.requests_by_month[_month(at)] += 1
        throttled = self._throttled(at)
        if throttled:
            return throttled
        query = _query(await request.read())
        if query is None:
            return _errors(400, "The body must be JSON: a query, and variables.")
        if not QUERY.fullmatch(query):
            return _errors(400, "The only query that is known here is: query { __typename }")
        await self.work()
        return web.json_response({"data": {"__typename": "Query"}})

    def _throttled(self, at: datetime) -> web.Response | None:
        if self.burst_limited or not self._burst.admit(at):
            return _errors(200, "Too many requests at once.", code="BAD_REQUEST.BURST_RATE_LIMIT_REACHED")
        if self.credits_reset_at is None or at >= self.credits_reset_at:
            return None
        told = {"extensions": {"resetAt": instant(self.credits_reset_at)}} if self.tells_reset else {}
        return _errors(200, "The credits are used up.", code="BAD_REQUEST.INSUFFICIENT_CREDITS", **told)


def _month(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m}"


def _query(content: bytes) -> str | None:
    """The query of a body, or None if that is not what a GraphQL endpoint takes."""
    try:
        asked = json.loads(content)
    except ValueError:
        return None
    if not isinstance(asked, dict) or not isinstance(asked.get("variables", {}), dict | None):
        return None
    query = asked.get("query")
    return query if isinstance(query, str) else None


def _errors(status: int, message: str, **more: str | Mapping[str, str]) -> web.Response:
    return web.json_response({"errors": [{"message": message, **more}]}, status=status)


xledger = served(Xledger)
