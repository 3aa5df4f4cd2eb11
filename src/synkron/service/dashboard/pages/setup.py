"""Setup: what Synkron needs, whether it is there, and what mends each fault."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from synkron.service.api.examined import examined
from synkron.service.api.served import Parts
from synkron.service.dashboard.viewer import FleetView
from synkron.service.doctor.finding import Level

router = APIRouter(include_in_schema=False)
# The worst first; what is well is folded.
ORDER = (Level.FAILED, Level.WARNING, Level.SKIPPED, Level.OK)


@router.get("/setup")
async def setup(request: Request, view: FleetView, parts: Parts) -> Response:
    """The doctor's findings."""
    found = await examined(request, parts)
    groups = {level: [one for one in found.checks if one.level is level] for level in ORDER}
    return view.page("setup.html", found=found, groups=groups)
