"""The application: every route of the API, behind its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, params
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp

from synkron.errors import SynkronError
from synkron.postgres.connection import DRIVER_FAULTS
from synkron.service.api import login
from synkron.service.api.access import ASKED
from synkron.service.api.changes import ROUTERS as CHANGES
from synkron.service.api.middleware import Guarded
from synkron.service.api.parameters import LONGEST_ID, only_known
from synkron.service.api.problem import Problem, problem_of
from synkron.service.api.routes import (
    audit,
    completion,
    drift,
    exports,
    fleet,
    health,
    incidents,
    integrations,
    metrics,
    nodes,
    probes,
    runs,
    schedules,
    standing,
    tick,
    verification,
    why,
)
from synkron.service.api.served import Served
from synkron.service.dashboard import pages, refusals
from synkron.service.dashboard.live import Live
from synkron.text import one_line

NOUNS = (
    *(integrations, schedules, runs, standing, incidents, health),
    *(drift, exports, verification, why, fleet, nodes, audit),
)
# What each group of routers depends on, before all refuse parameters that a route does not know. Routes are
# tried in this order: what comes most often is first.
GROUPS: Sequence[tuple[Iterable[APIRouter], Sequence[params.Depends]]] = (
    ((completion.router, tick.router, probes.router, login.router), []),
    ((metrics.router, *(one.router for one in NOUNS), *CHANGES), ASKED),
    (pages.OPEN, []),
    (pages.ROUTERS, ASKED),
)
ROUTERS = tuple(router for group, _ in GROUPS for router in group)
DESCRIPTION = "See and change what Synkron fires, for whom, and what became of it. Instants are ISO 8601 with a zone."


def application(served: Served) -> ASGIApp:
    """The application that answers with these parts."""
    return Guarded(api(), _said, served=served, live=Live(served))


@cache
def api() -> FastAPI:
    """The routes, without their limits: one set for the process, as FastAPI takes half a second to make them.

    The pages of its documentation come from elsewhere, so there are none, and the document is a route as all others.
    """
    app = FastAPI(
        title="Synkron",
        version=version("synkron"),
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # It would name the host that the request named, and lead a token to it over HTTP.
        redirect_slashes=False,
    )
    for group, dependencies in GROUPS:
        for router in group:
            app.include_router(router, dependencies=[*dependencies, Depends(only_known)])
    for kind in (Problem, SynkronError, TimeoutError, *DRIVER_FAULTS, Exception):
        app.exception_handler(kind)(_failed)
    app.exception_handler(HTTPException)(_not_routed)
    app.exception_handler(RequestValidationError)(_not_valid)
    return app


async def _failed(request: Request, error: Exception) -> Response:
    """Whatever a route raises."""
    return await _said(request, problem_of(error, request.url.path))


async def _not_routed(request: Request, error: HTTPException) -> Response:
    """No such path, or not by this method: then by those of all routes that have the path."""
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return await _said(request, Problem(error.status_code, error.detail, headers))


def _methods(request: Request) -> set[str]:
    routes = routes_in(request.app.routes)
    found = set().union(*(one.methods or () for one in routes if one.matches(request.scope)[0] is not Match.NONE))
    return found | ({"HEAD"} if "GET" in found else set())


def routes_in(those: Iterable[BaseRoute]) -> Iterator[Route]:
    """Those that are routes, and those of routers among them, which FastAPI keeps as they were included."""
    for one in those:
        if isinstance(one, Route):
            yield one
        elif (router := getattr(one, "original_router", None)) is not None:
            yield from routes_in(router.routes)


async def _not_valid(request: Request, error: RequestValidationError) -> Response:
    """A parameter or a body that is not what the document says. What was sent is not repeated."""
    if error.errors()[0]["loc"][0] == "path":
        return await _said(request, Problem(404, "Not Found"))
    faults = [f"{'.'.join(_shown(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    return await _said(request, Problem(422, "; ".join(faults[:5]), more={"faults": faults[:50]}))


def _shown(part: object) -> str:
    """A part of where a fault is: the name of a parameter or a member, which may be one of the caller's own."""
    return one_line(str(part), LONGEST_ID)


async def _said(request: Request, problem: Problem) -> Response:
    """The problem as JSON for programs, and as a page for people."""
    return await refusals.refused(request, problem) if refusals.wants_page(request) else problem.response()
