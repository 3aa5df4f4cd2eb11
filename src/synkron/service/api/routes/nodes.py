"""The processes, and their ticks."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from synkron.ledger import nodes as processes
from synkron.ledger import ticks as ledger
from synkron.ledger.nodes import Node
from synkron.ledger.ticks import RecordedTick
from synkron.service.api.access import FleetReader
from synkron.service.api.answer import answer, form
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Limit
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by

router = APIRouter(tags=["fleet"])
Tick = form(RecordedTick, "tick")


@router.get("/v1/nodes", responses=documented(page_form(form(Node)), 401, 403, 422))
async def nodes(request: Request, _: FleetReader, connection: Db, parts: Parts) -> Response:
    """The schedulers, workers and APIs of the last seven days, the one seen last first. They are all on one page."""
    found = await processes.nodes(connection, parts.settings.heartbeat)
    return answer(request, page(found, len(found), "nodes", lambda one: (one.seen_at,), held_by))


@router.get("/v1/ticks", responses=documented(page_form(Tick), 401, 403, 422))
async def ticks(request: Request, _: FleetReader, connection: Db, limit: Limit = 50, cursor: After = None) -> Response:
    """The ticks, the newest first: the window that each decided, and how much."""
    found = await ledger.ticks(connection, before=place_of(cursor, "ticks", datetime, int), limit=limit + 1)
    return answer(request, page(found, limit, "ticks", lambda one: (one.at, one.id), lambda one: held_by(one, "tick")))
