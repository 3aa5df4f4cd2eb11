"""The pages, a file for each noun. They call the functions that the commands and the API call."""

from __future__ import annotations

from synkron.service.dashboard import assets
from synkron.service.dashboard.pages import actions, entrance, incidents, integrations, live, overview, pauses, runs

from synkron.service.dashboard.pages import audit, drift, health, heat, lab, night, setup, timeline  # isort: skip

NOUNS = (overview, integrations, runs, incidents, pauses, live)
REPORTS = (timeline, health, night, heat, drift, lab, setup, audit)
OPEN = (assets.router, entrance.router)
ROUTERS = (actions.router, *(one.router for one in (*NOUNS, *REPORTS)))
