"""The health of the vendors' endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.service.api.access import FleetReader, OneType
from synkron.service.api.answer import answer, form
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Limit
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by
from synkron.service.nouns.endpoints import EndpointFacts, endpoint_facts
from synkron.vendors import store
from synkron.vendors.endpoints import read_endpoints
from synkron.vendors.store import RecordedSample

router = APIRouter(tags=["health"])
Endpoint = Annotated[str, Query(min_length=1, max_length=2000, pattern="^[^\\x00]+$")]


@router.get("/v1/health", responses=documented(page_form(form(EndpointFacts)), 401, 403, 404, 422))
async def health(request: Request, _: FleetReader, scope: OneType, connection: Db, parts: Parts) -> Response:
    """How the vendors' endpoints are, how that is known, and when the next probe is due. They are all on one page."""
    found = await read_endpoints(connection, parts.settings, scope.integration_type)
    return answer(request, page(found, len(found), "health", lambda one: (one.watch.endpoint,), endpoint_facts))


@router.get("/v1/health/samples", responses=documented(page_form(form(RecordedSample)), 401, 403, 404, 422))
async def samples(
    request: Request,
    _: FleetReader,
    connection: Db,
    parts: Parts,
    endpoint: Endpoint,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """What the contacts of an endpoint showed, the newest first, for a week.

    A page may have a few more than asked for: what was seen at the same moment stays together.
    """
    place = place_of(cursor, "samples", datetime)
    if endpoint not in {one.watch.endpoint for one in await read_endpoints(connection, parts.settings)}:
        raise Problem(404, "there is no such endpoint; /v1/health lists those there are")
    found = await store.read_samples(connection, endpoint, before=place[0] if place else None, least=limit)
    shown = page(found, len(found), "samples", lambda one: (one.at,), held_by, more=len(found) >= limit)
    return answer(request, shown)
