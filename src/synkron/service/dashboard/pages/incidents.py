"""Incidents: what is wrong, what to do, who was told, and what is silent."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from synkron.incidents import store
from synkron.incidents.condition import IncidentKind
from synkron.model import Scope
from synkron.operations.silences import silences
from synkron.service.api.access import visible
from synkron.service.api.paging import page, place_of
from synkron.service.api.parameters import Number
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.parameters import After
from synkron.service.dashboard.viewer import View
from synkron.service.names import organization_names
from synkron.service.nouns.incidents import touched

router = APIRouter(include_in_schema=False)
ROWS = 50


@router.get("/incidents")
async def incidents(
    view: View,
    connection: Db,
    parts: Parts,
    closed: bool = False,
    kind: IncidentKind | None = None,
    after: After = None,
) -> Response:
    """What is wrong now; with ``closed``, also what was."""
    within = view.actor.org_id if view.actor else None
    scope = Scope(within)
    before = place_of(after, "incidents", datetime, int)
    found = await store.incidents(connection, closed=closed, kind=kind, scope=scope, before=before, limit=ROWS + 1)
    shown = page(found, ROWS, "incidents", lambda one: (one.opened_at, one.id), lambda one: one)
    silent = await silences(connection, parts.settings, scope, within=within)
    return view.page(
        "incidents.html",
        incidents=shown["items"],
        next=shown["next"],
        closed=closed,
        kind=kind,
        kinds=list(IncidentKind),
        silences=silent,
        channels=[] if view.is_tied else sorted(parts.settings.announce.channels),
        names=await organization_names(connection, parts.settings, {*touched(found), *(one.org_id for one in silent)}),
    )


@router.get("/incidents/{incident_id}")
async def incident(view: View, connection: Db, parts: Parts, incident_id: Number) -> Response:
    """One incident, and what became of its announcements."""
    found = await store.incident(connection, incident_id)
    if found is None or view.actor is None or not visible(view.actor, found[0].condition.org_id):
        raise Problem(404, f"There is no incident {incident_id}.")
    one, announcements = found
    ids, total = one.condition.organizations
    return view.page(
        "incident.html",
        incident=one,
        announcements=announcements,
        touched=[] if view.is_tied else ids,
        touched_total=total,
        names=await organization_names(connection, parts.settings, ids),
    )
