"""What machines ask: whether this process is alive, whether it can serve, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from synkron.service.api.access import FleetReader
from synkron.service.api.answer import answer, form
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.problem import Problem
from synkron.service.api.readiness import REMEDIES, missing
from synkron.service.api.responses import documented
from synkron.service.api.served import Parts, opened
from synkron.service.metrics.families import Collector
from synkron.service.metrics.figures import Figures, read_figures

router = APIRouter(tags=["machines"])
TEXT: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
OPENMETRICS: dict[str, Any] = {"application/openmetrics-text": {"schema": {"type": "string"}}}
METRICS = documented(None, 401, 403)
METRICS[200] = {"description": "The metrics", "content": TEXT | OPENMETRICS}


@dataclass(frozen=True, slots=True)
class Alive:
    """A process that answers."""

    status: str


@router.get("/healthz", responses=documented(form(Alive)))
async def healthz(request: Request) -> Response:
    """Whether this process is alive. It asks nothing of the database."""
    return answer(request, Alive("alive"))


@router.get("/readyz", responses=documented(form(Alive)))
async def readyz(request: Request, parts: Parts) -> Response:
    """Whether this process can serve. Where it can't, the problem's ``missing`` names what it lacks."""
    lacking = await parts.readiness.get(lambda: missing(parts))
    if lacking:
        raise Problem(503, "; ".join(REMEDIES[one] for one in lacking), more={"missing": list(lacking)})
    return answer(request, Alive("ready"))


@router.get("/metrics", responses=METRICS, response_class=Response)
async def metrics(request: Request, _: FleetReader, parts: Parts) -> Response:
    """The figures for Prometheus. They are ten seconds old at most, or older if it took half a second to read them."""

    async def read() -> Figures:
        async with opened(parts) as connection:
            return await read_figures(connection, parts.settings)

    may_take(request, LONG)
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(Collector(await parts.figures.get(read))), media_type=media_type)
