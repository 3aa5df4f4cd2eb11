"""Dynamics 365 on Dataverse: a 429 says how long to wait, and who keeps sending waits longer.

Of its three limits, the one on the combined execution time is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from aiohttp import web

from synkron.runtime import WallClock, wall_clock
from tests.vendors.simulators.entra import EntraProtected, refused
from tests.vendors.simulators.limits import SlidingWindow
from tests.vendors.simulators.serving import served

SPAN = timedelta(minutes=5)
TOO_MANY = ("0x80072322", "Number of requests exceeded the limit of {} over time window of 300 seconds.")
TOO_MANY_AT_ONCE = ("0x80072326", "Number of concurrent requests exceeded the limit of {}.")


class Dataverse(EntraProtected):
    """One organization. It takes ``limit`` requests within 5 minutes, and ``at_once`` at once.

    A client that exceeds that is refused for ``wait``, or until there is room again. Each request in the meantime
    starts a wait that is twice as long, up to ``longest_wait``. ``throttled_until`` is when the current one ends.
    """

    def __init__(
        self,
        *,
        clock: WallClock = wall_clock,
        organization: str = "contoso",
        limit: int = 6_000,
        at_once: int = 52,
        wait: timedelta = timedelta(seconds=30),
        longest_wait: timedelta = timedelta(minutes=10),
        latency: float = 0.0,
    ) -> None:
        super().__init__(clock, f"https://{organization}.crm4.dynamics.com/.default", latency)
        self.wait = wait
        self.longest_wait = longest_wait
        self.throttled_until: datetime | None = None
        self._window = SlidingWindow(limit, SPAN)
        self._at_once = at_once
        self._present = 0
        self._current_wait = wait

    @property
    def who_am_i_url(self) -> str:
        """The cheapest that can be asked for."""
        return f"{self.base_url}/api/data/v9.2/WhoAmI"

    def throttle(self, wait: timedelta) -> None:
        """Refuse every request from now on, for that long."""
        self._current_wait = wait
        self.throttled_until = self._clock() + wait

    def routes(self) -> Sequence[web.RouteDef]:
        """The token endpoint and one function."""
        return [*super().routes(), web.get("/api/data/v9.2/WhoAmI", self._who_am_i, allow_head=False)]

    async def _who_am_i(self, request: web.Request) -> web.Response:
        if not await self.is_authorized(request):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        at = self._clock()
        throttled = self._throttled(at)
        if throttled:
            return throttled
        self._present += 1
        try:
            await self.work()
        finally:
            self._present -= 1
        return web.json_response(
            {
                "@odata.context": f"{self.base_url}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
                "BusinessUnitId": "5a0c7f0e-3a51-4a4e-9c0e-1d5c2f7b8a01",
                "UserId": "b7f1d2c4-8e63-4b7a-a1d9-6c0e3f5a9b02",
                "OrganizationId": "e3d9a6b8-1c24-4f5d-b8e7-0a2c4d6f8c03",
            }
        )

    def _throttled(self, at: datetime) -> web.Response | None:
        """The refusal, if the client is still to wait, or has to from now on."""
        if self.throttled_until is not None and at < self.throttled_until:
            self._current_wait = min(self._current_wait * 2, self.longest_wait)
            return self._refused_until(at, max(self.throttled_until, at + self._current_wait), *self._too_many())
        self._current_wait = self.wait
        if self._present >= self._at_once:
            code, message = TOO_MANY_AT_ONCE
            return self._refused_until(at, at + self.wait, code, message.format(self._at_once))
        if not self._window.admit(at):
            return self._refused_until(at, max(self._window.has_room_from(at), at + self.wait), *self._too_many())
        return None

    def _too_many(self) -> tuple[str, str]:
        code, message = TOO_MANY
        return code, message.format(self._window.limit)

    def _refused_until(self, at: datetime, until: datetime, code: str, message: str) -> web.Response:
        self.throttled_until = until
        return refused(429, code, message, {"Retry-After": str(ceil((until - at).total_seconds()))})


dataverse = served(Dataverse)
