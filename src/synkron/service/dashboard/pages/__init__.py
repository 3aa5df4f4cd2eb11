"""The pages, a file for each noun. They call the functions that the commands and the API call."""

from __future__ import annotations

from synkron.service.dashboard import assets
from synkron.service.dashboard.pages import audit, drift, entrance, health, heat, lab, live, night, overview, setup, timeline

ROUTERS = [
    assets.router,
    entrance.router,
    live.router,
    overview.router,
    timeline.router,
    health.router,
    night.router,
    heat.router,
    drift.router,
    lab.router,
    setup.router,
    audit.router,
]
