"""The audit: who changed what, and from what."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from synkron.operations.audit import entries
from synkron.operations.audit_words import FACTS, about, differing
from synkron.service.api.paging import page, place_of
from synkron.service.api.parameters import OrEmpty
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.parameters import After, Author, Whom
from synkron.service.dashboard.type_filter import filter_types
from synkron.service.dashboard.viewer import FleetView
from synkron.service.names import organization_names

router = APIRouter(include_in_schema=False)
ROWS = 50


class Since(StrEnum):
    """How far back the page looks, if not to the beginning."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


LENGTHS = {Since.DAY: timedelta(days=1), Since.WEEK: timedelta(days=7), Since.MONTH: timedelta(days=30)}


@router.get("/audit")
async def audit(
    view: FleetView,
    scope: Whom,
    connection: Db,
    parts: Parts,
    author: Author = "",
    since: Annotated[Since | None, OrEmpty] = None,
    after: After = None,
) -> Response:
    """Who changed what, the newest first."""
    found = await entries(
        connection,
        scope,
        since=view.now - LENGTHS[since] if since else None,
        author=author or None,
        before=place_of(after, "audit", datetime, int),
        limit=ROWS + 1,
    )
    shown = page(found, ROWS, "audit", lambda one: (one.at, one.id), lambda one: one)
    names = await organization_names(connection, parts.settings, {scope.org_id, *(one.org_id for one in found)})
    told = {word: view.words.say(f"audit.{word}") for word in ("yes", "no")}
    return view.page(
        "audit.html",
        rows=[(one, about(one, names), list(differing(one, names, **told))) for one in found[:ROWS]],
        recorded=FACTS,
        next=shown["next"],
        author=author,
        since=since or "",
        backs=("", *Since),
        names=names,
        scope=scope,
        is_about=any(scope),
        types=await filter_types(view, connection, parts),
    )
