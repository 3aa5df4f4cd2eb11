"""Incidents: what is wrong, and what became of its announcements."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.incidents import store
from synkron.incidents.condition import IncidentKind
from synkron.incidents.store import RecordedAnnouncement
from synkron.service.api.access import Around, Reader, visible
from synkron.service.api.answer import answer, form, joined
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Instant, Limit, Number
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.names import organization_names
from synkron.service.nouns.incidents import IncidentFacts, incident_facts, shown_incident, touched

router = APIRouter(tags=["incidents"])
Facts = form(IncidentFacts)
Announcement = joined(form(RecordedAnnouncement, "announcement"), "Announcement", state=str)
Announcements: Any = list[Announcement]  # type: ignore[valid-type]
ShownIncident = joined(Facts, "ShownIncident", announcements=Announcements)
Closed = Annotated[bool, Query(description="Also those that have closed.")]


@router.get("/v1/incidents", responses=documented(page_form(Facts), 401, 403, 404, 422))
async def incidents(
    request: Request,
    _: Reader,
    around: Around,
    connection: Db,
    parts: Parts,
    closed: Closed = False,
    since: Instant | None = None,
    kind: IncidentKind | None = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """What is wrong now, the newest first. Those of an integration are those of its organization and type.

    Who is tied to an organization sees those that are about it alone.
    """
    before = place_of(cursor, "incidents", datetime, int)
    found = await store.incidents(
        connection, closed=closed, since=since, kind=kind, scope=around, before=before, limit=limit + 1
    )
    names = await organization_names(connection, parts.settings, touched(found))
    shown = page(found, limit, "incidents", lambda one: (one.opened_at, one.id), lambda one: incident_facts(one, names))
    return answer(request, shown, names)


@router.get("/v1/incidents/{incident_id}", responses=documented(ShownIncident, 401, 403, 404, 422))
async def incident(request: Request, actor: Reader, connection: Db, parts: Parts, incident_id: Number) -> Response:
    """One incident, what to do about it, and what became of its announcements."""
    found = await store.incident(connection, incident_id)
    if found is None or not visible(actor, found[0].condition.org_id):
        raise Problem(404, f"there is no incident {incident_id}")
    names = await organization_names(connection, parts.settings, touched([found[0]]))
    return answer(request, shown_incident(*found, names), names)
