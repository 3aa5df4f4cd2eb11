"""Runs that were held while their vendor was down, and go on when it is back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from synkron.ledger import attempts
from synkron.log import log
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.settings.integrations import profile_of
from synkron.settings.load import Settings, TypeSettings
from synkron.vendors.health import DOWN, Watch

SQL = statements("delivery/hold")
# Starts a minute of what has waited, where neither the settings nor the vendor's profile say otherwise.
RECOVERY_PACE = 60


async def release_recovered(connection: Connection, settings: Settings, watches: Collection[Watch]) -> int:
    """Give the runs their turn whose vendor is down no more, at the type's pace; answers how many."""
    held = {name: one for name, one in settings.types.items() if one.health.hold}
    if not held:
        return 0
    endpoints = {watch.endpoint: watch.integration_types for watch in watches}
    rows = await connection.fetch(SQL["down"], list(endpoints), list(DOWN))
    down = {name for row in rows for name in endpoints[row["endpoint"]]}
    released = 0
    for name in held.keys() - down:
        count = await attempts.release(connection, name, _apart(name, held[name]))
        if count:
            log.info("runs released", integration_type=name, runs=count, reason="the vendor is back")
        released += count
    return released


def _apart(name: str, one: TypeSettings) -> timedelta:
    return timedelta(minutes=1) / (one.pace or profile_of(name, one.flavour).pace or RECOVERY_PACE)
