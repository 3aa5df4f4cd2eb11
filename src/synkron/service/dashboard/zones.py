"""In which zone a page shows its times: the one asked for, that of the last page, or that of the reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.cron import parse_zone
from synkron.errors import ZoneError
from synkron.service.api.parameters import LONGEST_ID
from synkron.service.api.served import Parts
from synkron.service.dashboard.viewer import Viewer

COOKIE = "synkron_zone"
YEAR = 365 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class ShownZone:
    """A zone, its name, and whether it was asked for just now."""

    name: str
    zone: tzinfo
    is_asked: bool = False

    def of(self, view: Viewer) -> Viewer:
        """The view, with its times in this zone."""
        return replace(view, zone=self.zone)

    def kept(self, response: Response) -> Response:
        """The response, which lets the browser remember a zone that was asked for."""
        if self.is_asked:
            response.set_cookie(COOKIE, self.name, max_age=YEAR, path="/", httponly=True, samesite="lax")
        return response


def shown_zone(
    request: Request, parts: Parts, zone: Annotated[str | None, Query(max_length=LONGEST_ID)] = None
) -> ShownZone:
    """The zone of a request. Raises ZoneError for one that is asked for and does not exist."""
    if zone:
        return ShownZone(zone, parse_zone(zone), is_asked=True)
    usual = parts.settings.reports[0].zone if parts.settings.reports else "UTC"
    name = request.cookies.get(COOKIE, usual)[:LONGEST_ID]
    try:
        return ShownZone(name, parse_zone(name))
    except ZoneError:
        return ShownZone(usual, parse_zone(usual))


Zone = Annotated[ShownZone, Depends(shown_zone)]
