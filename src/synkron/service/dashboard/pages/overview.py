"""The overview: every integration at a glance."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from synkron.service.dashboard.viewer import View

router = APIRouter(include_in_schema=False)


@router.get("/")
async def overview(view: View) -> Response:
    """Is everything firing, what is late, who is affected, what comes next."""
    return view.page("overview.html")
