"""Releases runs that were held while their vendor was down, once the vendor is back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from synkron.ledger import attempts
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.runtime import log
from synkron.settings.load import Settings, TypeSettings
from synkron.vendors.health import DOWN, Watch

SQL = statements("delivery/hold")
# Starts a minute for released runs, if neither the settings nor the vendor's profile give a pace.
RECOVERY_PACE = 60


async def release_recovered(connection: Connection, settings: Settings, watches: Collection[Watch]) -> int:
    """Release the runs whose vendor is no longer down, at the type's pace. Returns how many."""
    held = {name: one for name, one in settings.types.items() if one.health.hold}
    if not held:
        return 0
    endpoints = {watch.endpoint: watch.integration_types for watch in watches}
    rows = await connection.fetch(SQL["down"], list(endpoints), list(DOWN))
    down = {name for row in rows for name in endpoints[row["endpoint"]]}
    released = 0
    for name in held.keys() - down:
        count = await attempts.release(connection, name, _apart(held[name]))
        if count:
            log.info("runs released", integration_type=name, runs=count, reason="the vendor is back")
        released += count
    return released


def _apart(one: TypeSettings) -> timedelta:
    return timedelta(minutes=1) / (one.pace or one.profile.pace or RECOVERY_PACE)
