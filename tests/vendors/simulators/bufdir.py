"""Bufdir: a portal's front page, which is slow, and closed for maintenance in its seasons. There is no API."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from synkron.runtime import WallClock, wall_clock
from tests.vendors.simulators.serving import Simulator, served

PAGE = (
    '<!doctype html><html lang="no"><head><meta charset="utf-8"><title>{title}</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)
PORTAL = PAGE.format(title="Tilskudd og rapportering", text="Logg inn med ID-porten for å rapportere.")
MAINTENANCE = PAGE.format(title="Planlagt vedlikehold", text="Portalen er stengt. Prøv igjen senere.")


class Bufdir(Simulator):
    """The portal. Whatever lies behind its login is not there."""

    def __init__(self, *, clock: WallClock = wall_clock, latency: float = 0.1) -> None:
        super().__init__(clock, latency)

    @property
    def portal_url(self) -> str:
        """The front page."""
        return f"{self.base_url}/"

    def routes(self) -> Sequence[web.RouteDef]:
        """The front page, by GET and HEAD."""
        return [web.get("/", self._portal)]

    async def is_authorized(self, request: web.Request) -> bool:
        """No one can be: the login is another's."""
        del request
        return False

    def unavailable(self) -> web.Response:
        """Maintenance is told by a page."""
        return web.Response(status=503, text=MAINTENANCE, content_type="text/html")

    async def _portal(self, request: web.Request) -> web.Response:
        del request
        await self.work()
        return web.Response(text=PORTAL, content_type="text/html")


bufdir = served(Bufdir)
