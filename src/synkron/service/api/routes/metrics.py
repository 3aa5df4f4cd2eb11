"""``GET /metrics``: the figures for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from synkron.service.api.access import FleetReader
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.responses import documented
from synkron.service.api.served import Parts, opened
from synkron.service.metrics.families import Collector
from synkron.service.metrics.figures import Figures, read_figures

router = APIRouter(tags=["machines"])
TEXT: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
OPENMETRICS: dict[str, Any] = {"application/openmetrics-text": {"schema": {"type": "string"}}}
METRICS = documented(None, 401, 403, 422)
METRICS[200] = {"description": "The metrics", "content": TEXT | OPENMETRICS}


@router.get("/metrics", responses=METRICS, response_class=Response)
async def metrics(request: Request, _: FleetReader, parts: Parts) -> Response:
    """The figures for Prometheus. They are ten seconds old at most, or older if it took half a second to read them."""

    async def read() -> Figures:
        async with opened(parts) as connection:
            return await read_figures(connection, parts.settings)

    may_take(request, LONG)
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(Collector(await parts.figures.get(read))), media_type=media_type)
