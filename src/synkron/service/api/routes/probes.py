"""What machines ask: whether this process is alive, whether it can serve, and the document of the API.

The two probes take any parameter: a load balancer may add one against caches, and nobody takes it for a filter.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from synkron.service.api.answer import answer, form
from synkron.service.api.parameters import Whatever
from synkron.service.api.problem import Problem
from synkron.service.api.readiness import REMEDIES, missing
from synkron.service.api.responses import documented
from synkron.service.api.served import Parts

router = APIRouter(tags=["machines"])


@dataclass(frozen=True, slots=True)
class Alive:
    """A process that answers."""

    status: str


@router.get("/healthz", responses=documented(form(Alive)))
async def healthz(request: Request, _: Whatever) -> Response:
    """Whether this process is alive. It asks nothing of the database."""
    return answer(request, Alive("alive"))


@router.get("/readyz", responses=documented(form(Alive)))
async def readyz(request: Request, parts: Parts, _: Whatever) -> Response:
    """Whether this process can serve. Where it can't, the problem's ``missing`` names what it lacks."""
    lacking = await parts.readiness.get(lambda: missing(parts))
    if lacking:
        raise Problem(503, "; ".join(REMEDIES[one] for one in lacking), more={"missing": list(lacking)})
    return answer(request, Alive("ready"))


@router.get("/v1/openapi.json", include_in_schema=False)
async def document(request: Request) -> Response:
    """What the API has, in OpenAPI."""
    return JSONResponse(request.app.openapi())
