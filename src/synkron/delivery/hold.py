"""Releases runs that were held while their vendor was down, once the vendor is back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from synkron.ledger import attempts
from synkron.postgres.connection import Connection
from synkron.runtime import log
from synkron.settings.load import Settings
from synkron.vendors.health import DOWN, Watch
from synkron.vendors.store import read_all

# Starts a minute for released runs, if neither the settings nor the vendor's profile give a pace.
RECOVERY_PACE = 60


async def release_recovered(connection: Connection, settings: Settings, watches: Collection[Watch]) -> int:
    """Release the runs whose vendor is no longer down, at the type's pace. Returns how many."""
    held = {name: one for name, one in settings.types.items() if one.health.hold}
    if not held:
        return 0
    endpoints = {watch.endpoint: watch.integration_types for watch in watches}
    unhealthy = [one.endpoint for one in await read_all(connection) if one.verdict in DOWN]
    down = {name for endpoint in unhealthy for name in endpoints.get(endpoint, ())}
    released = 0
    for name in held.keys() - down:
        pace = held[name].pace or held[name].profile.pace or RECOVERY_PACE
        count = await attempts.release(connection, name, timedelta(minutes=1) / pace)
        if count:
            log.info("runs released", integration_type=name, runs=count, reason="the vendor is back")
        released += count
    return released
