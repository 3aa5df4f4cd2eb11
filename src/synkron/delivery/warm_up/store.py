"""What a worker knows about the warmth of its targets, and when any worker last called them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NoReturn

from synkron.delivery.warm_up.warmth import KnownWarmth
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements
from synkron.runtime import log, sleep
from synkron.settings.load import Settings

SQL = statements("delivery/warm_up/store")
# A warm-up comes half a minute before its runs, so the workers know about it in time.
EXCHANGE_EVERY = timedelta(seconds=5)


class WarmthStore:
    """What one worker knows about all targets. The table ``warmth`` has what all workers and warm-ups know together."""

    def __init__(self, settings: Settings) -> None:
        self._known = {name: KnownWarmth(one.keep_warm) for name, one in settings.types.items()}
        self._told: dict[str, datetime] = {}

    def of(self, integration_type: str) -> KnownWarmth:
        """What is known about the type's target."""
        return self._known[integration_type]

    async def keep_exchanging(self, connection: Executor) -> NoReturn:
        """Exchange every few seconds until cancelled. An error of the database does not end it."""
        while True:
            try:
                await self.exchange(connection)
            except Exception as error:  # noqa: BLE001 - runs go on, and the exchange is tried again
                log.debug("times of calls not exchanged", reason=str(error) or type(error).__name__)
            await sleep(EXCHANGE_EVERY.total_seconds())

    async def exchange(self, connection: Executor) -> None:
        """Write when this worker called its targets, and read when others did, in one statement."""
        met = {name: one.met_at for name, one in self._known.items() if one.met_at is not None}
        news = {name: at for name, at in met.items() if at != self._told.get(name)}
        rows = await connection.fetch(SQL["exchange"], list(news), list(news.values()), list(self._known))
        self._told |= news
        for row in rows:
            self._known[row["integration_type"]].note_call(row["met_at"])
