"""``GET /live``: which topics of a page have changed, as they change (server-sent events)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from synkron.service.api.access import Reader
from synkron.service.api.connection import UNCOUNTED
from synkron.service.api.problem import Problem
from synkron.service.dashboard.live import TOPICS, Listener, Live

router = APIRouter(include_in_schema=False)


@router.get("/live")
async def live(request: Request, actor: Reader, topics: str = "") -> Response:
    """The stream of one page, until it leaves."""
    live_pages: Live = request.state.live
    if live_pages.is_full:
        raise Problem(
            503, "there are too many open pages; this one loads itself every ten seconds", {"Retry-After": "30"}
        )
    # It is limited here. Who may not look, or sends no body, is counted among all connections.
    request.scope["state"][UNCOUNTED]()
    asked = [one for one in TOPICS if one in topics.split()]
    by = Listener(actor, request.state.secret)
    stream = live_pages.told(by, asked) if actor.org_id is None else live_pages.told_nothing(by)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
