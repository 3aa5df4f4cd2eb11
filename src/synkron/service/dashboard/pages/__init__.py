"""The pages, a file for each noun. They call the functions that the commands and the API call."""

from __future__ import annotations

from synkron.service.dashboard import assets
from synkron.service.dashboard.pages import entrance, live, overview

ROUTERS = [assets.router, entrance.router, live.router, overview.router]
