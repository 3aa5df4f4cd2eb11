"""What a schedule says, and what fires next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.cron import parse, parse_zone
from synkron.model import Window
from synkron.postgres.clock import database_clock
from synkron.service.api.access import Reader, Whom
from synkron.service.api.answer import answer, form
from synkron.service.api.heavy import Heavy
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Instant, Limit, Zone
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.names import organization_names
from synkron.service.nouns.explanation import Explanation, explanation
from synkron.service.nouns.fires import Fire, fire
from synkron.source.reader import read_all
from synkron.source.upcoming import Upcoming, upcoming

router = APIRouter(tags=["schedules"])
Hours = Annotated[int, Query(ge=1, le=8784, description="How far ahead to look.")]
Expression = Annotated[str, Query(min_length=1, max_length=1000, description="Five fields.")]


@router.get("/v1/upcoming", responses=documented(page_form(form(Fire)), 401, 403, 404, 422))
async def coming(
    request: Request,
    _: Reader,
    __: Heavy,
    scope: Whom,
    connection: Db,
    parts: Parts,
    hours: Hours = 24,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """What fires next, the soonest first. What is paused is not left out."""
    place = place_of(cursor, datetime, str)
    now = await database_clock(connection)
    start = now if place is None else place[0] - timedelta(microseconds=1)
    rows = await read_all(connection, parts.settings.source, scope)
    fires = upcoming(rows, Window(start, max(start, now + timedelta(hours=hours))), parts.settings.types)
    found = list(islice((one for one in _in_order(fires) if place is None or _place(one) > place), limit + 1))
    names = await organization_names(connection, parts.settings, {one.integration.org_id for one in found})
    return answer(request, page(found, limit, _place, fire), names)


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


def _in_order(fires: Iterator[Upcoming]) -> Iterator[Upcoming]:
    """Those of the same moment by their ids, so that a page can end between them."""
    together: list[Upcoming] = []
    for one in fires:
        if together and one.scheduled_for != together[0].scheduled_for:
            yield from sorted(together, key=_place)
            together = []
        together.append(one)
    yield from sorted(together, key=_place)


def _place(one: Upcoming) -> tuple[datetime, str]:
    return one.scheduled_for, one.integration.integration_id
