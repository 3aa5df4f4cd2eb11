"""The routes that change something, a file for each noun."""

from synkron.service.api.changes import access, backfill, channels, incidents, overrides, pauses, runs

ROUTERS = [module.router for module in (runs, backfill, pauses, overrides, incidents, channels, access)]
