"""Dynamics 365 Business Central: OData without HEAD, 5 requests at once, and a 429 that does not say for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from aiohttp import web

from synkron.runtime import WallClock, wall_clock
from tests.vendors.simulators.entra import EntraProtected, refused
from tests.vendors.simulators.limits import SlidingWindow
from tests.vendors.simulators.serving import served

SCOPE = "https://api.businesscentral.dynamics.com/.default"
ALLOW = "DELETE, GET, OPTIONS, PATCH, POST, PUT"
SPAN = timedelta(minutes=5)
COMPANIES = (
    {"id": "8c1f6c35-2f0e-4c0b-9b57-5f3f6f0a9d11", "name": "CRONUS NO", "displayName": "CRONUS Norge AS"},
    {"id": "0d7a1e52-6b8e-4f0e-8a44-7b0c2f4f6e22", "name": "My Company", "displayName": ""},
)


class BusinessCentral(EntraProtected):
    """One environment, with two companies. While ``throttled``, it refuses every request.

    It takes ``limit`` requests within 5 minutes; ``at_once`` of them are processed, ``queued`` more wait.
    ``most_at_once`` is how many were processed at once, at most.
    """

    def __init__(
        self,
        *,
        clock: WallClock = wall_clock,
        environment: str = "Production",
        limit: int = 6_000,
        at_once: int = 5,
        queued: int = 95,
        latency: float = 0.0,
    ) -> None:
        super().__init__(clock, SCOPE, latency)
        self.environment = environment
        self.throttled = False
        self.most_at_once = 0
        self._window = SlidingWindow(limit, SPAN)
        self._at_once = at_once
        self._places = at_once + queued
        self._room = asyncio.Semaphore(at_once)
        self._present = 0
        self._processed = 0

    @property
    def root_url(self) -> str:
        """What a stranger asks, to see whether anyone is there; the answer is 401."""
        return f"{self.base_url}/v2.0/"

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return f"{self.root_url}{self.tenant}/{self.environment}/api/v2.0"

    @property
    def companies_url(self) -> str:
        """What can be asked for."""
        return f"{self.api_url}/companies"

    @property
    def ping_url(self) -> str:
        """The cheapest that can be asked for."""
        return f"{self.companies_url}?$top=1&$select=id"

    def routes(self) -> Sequence[web.RouteDef]:
        """The token endpoint and the API, of which nothing is there but the companies."""
        companies = "/v2.0/{tenant}/{environment}/api/v2.0/companies"
        return [
            *super().routes(),
            web.route("*", companies, self._companies),
            web.route("*", "/v2.0/{elsewhere:.*}", self._elsewhere),
        ]

    async def _elsewhere(self, request: web.Request) -> web.Response:
        return await self._at_the_door(request) or refused(404, "NotFound", "The resource does not exist.")

    async def _companies(self, request: web.Request) -> web.Response:
        at_the_door = await self._at_the_door(request)
        if at_the_door:
            return at_the_door
        if (request.match_info["tenant"], request.match_info["environment"]) != (self.tenant, self.environment):
            return refused(404, "NoEnvironment", "Environment does not exist.")
        if self.throttled or self._present >= self._places or not self._window.admit(self._clock()):
            return refused(429, "Application_TooManyRequests", "Too many requests reached.")
        return await self._in_turn(request)

    async def _at_the_door(self, request: web.Request) -> web.Response | None:
        """The answer to a request that goes no further, whatever it asks for."""
        if request.method == "OPTIONS":
            return web.Response(headers={"Allow": ALLOW})
        if request.method not in ALLOW.split(", "):
            return web.Response(status=405, headers={"Allow": ALLOW})
        if not await self.is_authorized(request):
            return refused(401, "Authentication_InvalidCredentials", "The credentials were rejected.")
        return None

    async def _in_turn(self, request: web.Request) -> web.Response:
        """Answer once one of the places where requests are processed is free."""
        self._present += 1
        try:
            async with self._room:
                self._processed += 1
                self.most_at_once = max(self.most_at_once, self._processed)
                try:
                    await self.work()
                finally:
                    self._processed -= 1
        finally:
            self._present -= 1
        if request.method != "GET":
            return refused(400, "BadRequest", "Companies can only be read here.")
        return self._selected(request.query)

    def _selected(self, query: Mapping[str, str]) -> web.Response:
        top = query.get("$top", str(len(COMPANIES)))
        fields = query.get("$select", ",".join(COMPANIES[0])).split(",")
        if not set(query) <= {"$top", "$select"} or not top.isdecimal() or not set(fields) <= COMPANIES[0].keys():
            return refused(400, "BadRequest", f"Only $top and $select are known here, and {', '.join(COMPANIES[0])}.")
        shown = f"({','.join(fields)})" if "$select" in query else ""
        return web.json_response(
            {
                "@odata.context": f"{self.api_url}/$metadata#companies{shown}",
                "value": [{field: company[field] for field in fields} for company in COMPANIES[: int(top)]],
            }
        )


business_central = served(BusinessCentral)
