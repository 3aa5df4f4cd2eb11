"""How late runs start, and where the time is lost."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import Response

from synkron.postgres.clock import database_clock
from synkron.reports.drift import read_drift
from synkron.service.api.answer import answer, form
from synkron.service.api.heavy import Asked
from synkron.service.api.parameters import Instant, Limit, window_of
from synkron.service.api.responses import documented
from synkron.service.names import organization_names
from synkron.service.nouns.drift import DriftFacts, drift_facts

DAY = timedelta(hours=24)

router = APIRouter(tags=["reports"])


@router.get("/v1/drift", responses=documented(form(DriftFacts), 401, 403, 404, 422))
async def drift(
    asked: Asked,
    since: Instant | None = None,
    until: Instant | None = None,
    limit: Limit = 50,
) -> Response:
    """How late the runs started that were scheduled in this time (24 hours up to now), with so many of the worst."""
    window = window_of(since, until, await database_clock(asked.connection), DAY)
    late_after = asked.parts.settings.announce.late_after
    found = await read_drift(asked.connection, window.start, window.end, late_after, asked.scope, most=limit)
    names = await organization_names(asked.connection, asked.parts.settings, {one.org_id for one in found.worst})
    return answer(asked.request, drift_facts(found), names)
