"""The schedule lab: what an expression says in a zone, before anybody relies on it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.cron import parse, parse_zone
from synkron.cron.elsewhere import differences
from synkron.errors import CronError, ZoneError
from synkron.service.api.parameters import LONGEST_ID
from synkron.service.api.served import Parts
from synkron.service.dashboard import times
from synkron.service.dashboard.viewer import View, Viewer
from synkron.service.dashboard.zones import shown_zone
from synkron.service.nouns.explanation import explanation

router = APIRouter(include_in_schema=False)
# Tried by those who have none at hand. Each shows something else.
EXAMPLES = ("0 2 * * 1-5", "*/15 6-18 * * *", "30 2 * * *", "0 2 13 * 5", "0 2 31 2 *", "*/7 * * * *")
LONGEST = 1000
NOTHING: dict[str, object] = {"zone_fault": None, "fault": None}


@router.get("/lab")
async def lab(
    view: View,
    request: Request,
    parts: Parts,
    expression: Annotated[str, Query(max_length=LONGEST)] = "",
    zone: Annotated[str, Query(max_length=LONGEST_ID)] = "",
) -> Response:
    """A sentence, the next moments, what may surprise, and where other tools differ."""
    asked_zone = zone or shown_zone(request, parts).name
    found = _answer(view, expression, asked_zone) if expression else NOTHING
    return view.page("lab.html", expression=expression, asked_zone=asked_zone, examples=EXAMPLES, found=found)


def _on(view: Viewer, at: datetime, zone: tzinfo) -> str:
    """The moment with its day, though that be today."""
    local = at.astimezone(zone)
    return f"{times.day(view.words, local)} {local:%H:%M}"


def _answer(view: Viewer, expression: str, zone: str) -> dict[str, object]:
    """What there is to say; or what is wrong, and where in the expression that is."""
    try:
        place = parse_zone(zone)
    except ZoneError as error:
        return NOTHING | {"zone_fault": str(error)}
    try:
        cron = parse(expression)
    except CronError as error:
        before = min(max(error.column - 1, 0), len(expression))
        at_fault = expression[before : before + len(error.text)] if error.text else ""
        parted = (expression[:before], at_fault, expression[before + len(at_fault) :])
        return NOTHING | {"fault": error, "parted": parted}
    facts = explanation(expression, cron, zone, place, view.now, view.words.language)
    clocks_change = any(one.rule == "W4" for one in facts.warnings)
    return NOTHING | {
        "facts": facts,
        "moments": [(_on(view, one.utc, place), _on(view, one.utc, UTC), one.utc) for one in facts.next],
        "sentence": cron.describe(view.words.language),
        "place": place,
        "elsewhere": differences(expression, cron, clocks_change=clocks_change),
    }
