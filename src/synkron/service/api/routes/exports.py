"""What was exported, and which time no export covers."""

from __future__ import annotations

import asyncio
import re
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.cron import parse_zone
from synkron.postgres.clock import database_clock
from synkron.reports.exports import ranges
from synkron.reports.exports.sentences import Told
from synkron.reports.exports.sheet import sheet, sheet_name
from synkron.reports.exports.store import read_exports
from synkron.service.api.answer import answer_beside, form
from synkron.service.api.heavy import Asked
from synkron.service.api.parameters import MOST, Day, Instant, Whole, Zone, window_of
from synkron.service.api.problem import Problem
from synkron.service.api.ranges import asked_range
from synkron.service.api.responses import documented
from synkron.service.names import organization_names
from synkron.service.nouns.exports import ExportFacts, export_facts
from synkron.settings.reports import RangeKind

router = APIRouter(tags=["reports"])
CSV = "text/csv"
WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")
ANSWERS: dict[int | str, dict[str, Any]] = documented(form(ExportFacts), 401, 403, 404, 409, 422)
ANSWERS[200] = ANSWERS[200] | {"content": {CSV: {"schema": {"type": "string"}}}}


class Format(StrEnum):
    """How it is answered; without one, as the header Accept says."""

    JSON = "json"
    CSV = "csv"


Worst = Annotated[
    Whole, Query(ge=1, le=MOST, description="How many organizations JSON lists at most, the worst first.")
]
On = Annotated[Day | None, Query(description="The day, or a day of the week or month; today if none is given.")]


@router.get("/v1/report", responses=ANSWERS)
async def report(
    asked: Asked,
    range_name: Annotated[RangeKind | None, Query(alias="range")] = None,
    on: On = None,
    since: Instant | None = None,
    until: Instant | None = None,
    zone: Zone = "UTC",
    written: Annotated[Format | None, Query(alias="format")] = None,
    limit: Worst = 1000,
) -> Response:
    """What was exported in a night, a day, a week or a month, or from ``since`` to ``until``, and what was not.

    Counts the periods that ended in that time. In JSON, up to a thousand organizations are listed. With `Accept:
    text/csv` or `format=csv`, there is a line for each type and organization.
    """
    if since is None and until is not None:
        raise Problem(422, "query.until: it goes with `since`")
    if since is not None and (range_name is not None or on is not None):
        raise Problem(422, "query.range: give a range, with a day in it as `on`, or `since` and `until`")
    now = await database_clock(asked.connection)
    place = parse_zone(zone)
    if since is None:
        found = asked_range(range_name or RangeKind.LAST_NIGHT, on, now, place)
    else:
        window = window_of(since, until, now, ranges.DAY)
        found = ranges.between(window.start, window.end, place)
    found.check(now)
    exports = await read_exports(asked.connection, asked.parts.settings, found.window, asked.scope)
    names = await organization_names(asked.connection, asked.parts.settings, {one.org_id for one in exports.exports})
    told = Told(exports, found, names)
    if written is Format.CSV or (written is None and prefers_csv(asked.request)):
        headers = {
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'attachment; filename="{sheet_name(told)}"',
        }
        written_sheet = await asyncio.to_thread(sheet, told)
        return Response(written_sheet, headers=headers, media_type=CSV)
    return await answer_beside(asked.request, lambda: export_facts(told, limit), names)


def prefers_csv(request: Request) -> bool:
    """Whether CSV is accepted, and not behind JSON: by their weights, and where these are the same, by their order."""
    weights: dict[str, float] = {}
    for one in request.headers.get("accept", "").lower().split(","):
        kind, *more = (part.strip() for part in one.split(";"))
        written = next((part[2:] for part in more if part.startswith("q=")), "1")
        weights.setdefault(kind, float(written) if WEIGHT.fullmatch(written) else 1.0)
    both = {kind: weights[kind] for kind in weights if kind in (CSV, "application/json")}
    return max(both, key=both.__getitem__, default=None) == CSV and both[CSV] > 0
