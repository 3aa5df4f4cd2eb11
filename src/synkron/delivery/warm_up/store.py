"""How a worker's runs meet their targets, and when those were met last by anybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NoReturn

from synkron.delivery.warm_up.warmth import Acquaintance
from synkron.log import log
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements
from synkron.settings.integrations import profile_of
from synkron.settings.load import Settings
from synkron.waiting import pause

SQL = statements("delivery/warm_up/store")
# A warm-up comes half a minute before its runs, so that they know of it.
EXCHANGE_EVERY = timedelta(seconds=5)


def keep_warm(settings: Settings, integration_type: str) -> timedelta:
    """How long after a request the type's target is taken to be warm."""
    one = settings.types[integration_type]
    own = one.warm_up.keep_warm
    return profile_of(integration_type, one.flavour).keep_warm if own is None else own


class Meetings:
    """What one worker knows of all targets. The table ``warmth`` holds what all workers and warm-ups know together."""

    def __init__(self, settings: Settings) -> None:
        self._known = {name: Acquaintance(keep_warm(settings, name)) for name in settings.types}
        self._told: dict[str, datetime] = {}

    def of(self, integration_type: str) -> Acquaintance:
        """What is known of the type's target."""
        return self._known[integration_type]

    async def keep_exchanging(self, connection: Executor) -> NoReturn:
        """Exchange every few seconds until cancelled. A database that fails at it is no reason to end."""
        while True:
            try:
                await self.exchange(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, runs go on, and it is tried again
                log.debug("meetings not exchanged", reason=str(error) or type(error).__name__)
            await pause(EXCHANGE_EVERY.total_seconds())

    async def exchange(self, connection: Executor) -> None:
        """Tell when this worker's runs met their targets, and hear when others did, in one statement."""
        met = {name: one.met_at for name, one in self._known.items() if one.met_at is not None}
        news = {name: at for name, at in met.items() if at != self._told.get(name)}
        rows = await connection.fetch(SQL["exchange"], list(news), list(news.values()), list(self._known))
        self._told |= news
        for row in rows:
            self._known[row["integration_type"]].hear(row["met_at"])
