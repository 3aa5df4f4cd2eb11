"""The pauses in effect: whom each holds, until when, by whom and why."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from synkron.model import Scope
from synkron.operations.recorded_pauses import pauses
from synkron.scheduler.holds import read_wide_pauses
from synkron.service.api.paging import page, place_of
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.parameters import After, Around
from synkron.service.dashboard.viewer import View
from synkron.service.names import organization_names

router = APIRouter(include_in_schema=False)
ROWS = 50


@router.get("/pauses")
async def in_effect(view: View, connection: Db, parts: Parts, around: Around, after: After = None) -> Response:
    """The pauses that hold something of what is named, the newest first; and the types that can be paused."""
    before = place_of(after, "pauses", datetime, int)
    found = await pauses(connection, parts.settings, around, before=before, limit=ROWS + 1)
    shown = page(found, ROWS, "pauses", lambda one: (one.starts_at, one.id), lambda one: one)
    paused = {one.scope for one in await read_wide_pauses(connection, view.now)}
    return view.page(
        "pauses.html",
        pauses=shown["items"],
        next=shown["next"],
        types=[one for one in sorted(parts.settings.types) if Scope(None, one) not in paused],
        names=await organization_names(connection, parts.settings, {one.org_id for one in found}),
    )
