"""How the whole of it does: status, doctor, forecast."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.postgres.clock import database_clock
from synkron.reports.forecast.store import forecast_fleet
from synkron.service.api.access import FleetReader, OneType
from synkron.service.api.answer import answer, answer_beside, form
from synkron.service.api.examined import examined
from synkron.service.api.heavy import Heavy
from synkron.service.api.parameters import Whole
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.names import organization_names
from synkron.service.nouns.examination import Examination
from synkron.service.nouns.forecast import ForecastFacts, forecast_facts
from synkron.service.nouns.status import StatusFacts, status_facts
from synkron.service.status.store import read_status

COMING = 3
# A month: the first of it is the largest herd of many fleets.
MOST_HOURS = 744

router = APIRouter(tags=["fleet"])
Hours = Annotated[Whole, Query(ge=1, le=MOST_HOURS, description="How far ahead to look.")]


@router.get("/v1/status", responses=documented(form(StatusFacts), 401, 403, 422))
async def status(request: Request, _: FleetReader, __: Heavy, connection: Db, parts: Parts) -> Response:
    """Whether all is well: who ticks and works, what waits, what is wrong, what comes next."""
    found = status_facts(await read_status(connection, parts.settings, COMING))
    names = await organization_names(connection, parts.settings, {one.org_id for one in found.next})
    return answer(request, found, names)


@router.get("/v1/doctor", responses=documented(form(Examination), 401, 403, 422))
async def doctor(request: Request, _: FleetReader, parts: Parts) -> Response:
    """What Synkron needs, whether it is there, and what mends each fault.

    The checks change nothing and take half a minute at most; the answer is ten seconds old at most.
    """
    return answer(request, await examined(request, parts))


@router.get("/v1/forecast", responses=documented(form(ForecastFacts), 401, 403, 404, 422))
async def forecast(
    request: Request,
    _: FleetReader,
    __: Heavy,
    scope: OneType,
    connection: Db,
    parts: Parts,
    hours: Hours = 24,
) -> Response:
    """How many integrations fire and start, minute by minute, and what should be looked at."""
    now = await database_clock(connection)
    found = await forecast_fleet(connection, parts.settings, now, hours, integration_type=scope.integration_type)
    return await answer_beside(request, lambda: forecast_facts(found))
