"""The audit: who changed what."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations.audit import AuditEntry, entries
from synkron.service.api.access import FleetReader, Whom
from synkron.service.api.answer import answer, form
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Instant, Limit, Text
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by
from synkron.service.names import organization_names

router = APIRouter(tags=["audit"])
Entry = form(AuditEntry, "audit")


@router.get("/v1/audit", responses=documented(page_form(Entry), 401, 403, 404, 422))
async def audit(
    request: Request,
    _: FleetReader,
    scope: Whom,
    connection: Db,
    parts: Parts,
    since: Instant | None = None,
    author: Text | None = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """Who changed what, the newest first: what it was before, and what after.

    Those of an organization are its own and its integrations'. A change of a whole type, or of everything, is of no
    organization.
    """
    before = place_of(cursor, "audit", datetime, int)
    found = await entries(connection, scope, since=since, author=author, before=before, limit=limit + 1)
    names = await organization_names(connection, parts.settings, {one.org_id for one in found})
    shown = page(found, limit, "audit", lambda one: (one.at, one.id), lambda one: held_by(one, "audit"))
    return answer(request, shown, names)
