"""The pages, a file for each noun. They call the functions that the commands and the API call."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from synkron.service.dashboard import assets
from synkron.service.dashboard.pages import actions, entrance, incidents, integrations, live, overview, pauses, runs
from synkron.service.dashboard.parameters import only_known

from synkron.service.dashboard.pages import audit, drift, health, heat, lab, night, setup, timeline  # isort: skip

NOUNS = (overview, integrations, runs, incidents, pauses)
REPORTS = (timeline, health, night, heat, drift, lab, setup, audit)


def _filtered() -> APIRouter:
    """The pages that are limited by parameters, and by none that they do not know."""
    router = APIRouter(dependencies=[Depends(only_known)])
    for one in (*NOUNS, *REPORTS):
        router.include_router(one.router)
    return router


ROUTERS = [assets.router, entrance.router, live.router, actions.router, _filtered()]
