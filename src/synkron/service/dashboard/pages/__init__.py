"""The pages, a file for each noun. They call the functions that the commands and the API call."""

from __future__ import annotations

from fastapi import APIRouter

from synkron.service.api.access import ASKED
from synkron.service.dashboard import assets
from synkron.service.dashboard.pages import actions, entrance, incidents, integrations, live, overview, pauses, runs

from synkron.service.dashboard.pages import audit, drift, health, heat, lab, night, setup, timeline  # isort: skip

NOUNS = (overview, integrations, runs, incidents, pauses, live)
REPORTS = (timeline, health, night, heat, drift, lab, setup, audit)


def _filtered() -> APIRouter:
    """The pages that are limited by parameters, and by none that they do not know."""
    router = APIRouter(dependencies=ASKED)
    for one in (*NOUNS, *REPORTS):
        router.include_router(one.router)
    return router


ROUTERS = [assets.router, entrance.router, actions.router, _filtered()]
