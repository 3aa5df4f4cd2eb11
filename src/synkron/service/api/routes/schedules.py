"""What a schedule says, and what fires next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.cron import parse, parse_zone
from synkron.model import Steps, Window
from synkron.postgres.clock import database_clock
from synkron.runtime import by_turns
from synkron.service.api.access import Reader
from synkron.service.api.answer import answer, form
from synkron.service.api.heavy import Asked
from synkron.service.api.paging import Place, page, page_form, place_of
from synkron.service.api.parameters import After, Instant, Limit, Whole, Zone
from synkron.service.api.responses import documented
from synkron.service.api.served import Db
from synkron.service.names import organization_names
from synkron.service.nouns.explanation import Explanation, explanation
from synkron.service.nouns.fires import Fire, fire
from synkron.source.reader import read_all
from synkron.source.upcoming import Upcoming, upcoming_in_steps

# So many more than are asked for are kept before they are sorted.
KEPT = 5_000

router = APIRouter(tags=["schedules"])
Hours = Annotated[Whole, Query(ge=1, le=8784, description="How far ahead to look.")]
Expression = Annotated[str, Query(min_length=1, max_length=1000, description="Five fields.")]


@router.get("/v1/upcoming", responses=documented(page_form(form(Fire)), 401, 403, 404, 422))
async def coming(
    asked: Asked,
    hours: Hours = 24,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """What fires next, the soonest first. What is paused is not left out."""
    place = place_of(cursor, "upcoming", datetime, str)
    now = await database_clock(asked.connection)
    start = now if place is None else place[0] - timedelta(microseconds=1)
    rows = await read_all(asked.connection, asked.parts.settings.source, asked.scope)
    window = Window(start, max(start, now + timedelta(hours=hours)))
    fires = await by_turns(upcoming_in_steps(rows, window, asked.parts.settings.types))
    found = await by_turns(_first(fires, place, limit + 1))
    names = await organization_names(asked.connection, asked.parts.settings, {one.integration.org_id for one in found})
    return answer(asked.request, page(found, limit, "upcoming", _place, fire), names)


@router.get("/v1/explain", responses=documented(form(Explanation), 401, 403, 422))
async def explain(
    request: Request,
    _: Reader,
    connection: Db,
    expression: Expression,
    zone: Zone = "UTC",
    at: Instant | None = None,
) -> Response:
    """What a cron expression says in a zone, the next ten moments after ``at`` (now), and what may surprise."""
    place, cron = parse_zone(zone), parse(expression)
    now = at or await database_clock(connection)
    return answer(request, explanation(expression, cron, zone, place, now))


def _first(fires: Iterator[Upcoming], place: Place | None, most: int) -> Steps[list[Upcoming]]:
    """The first of them behind the place. Those of the same moment are in the order of their ids, and may be very many.

    So all of a moment are looked at, and the first of them kept.
    """
    found: list[Upcoming] = []
    moment = None
    for one in fires:
        yield
        if one.scheduled_for != moment and len(found) >= most:
            break
        moment = one.scheduled_for
        if place is None or _place(one) > place:
            found.append(one)
        if len(found) >= most + KEPT:
            found = sorted(found, key=_place)[:most]
    return sorted(found, key=_place)[:most]


def _place(one: Upcoming) -> tuple[datetime, str]:
    return one.scheduled_for, one.integration.integration_id
