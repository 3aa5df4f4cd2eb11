"""Keeps the copy fresh while somebody looks: nobody pays for a copy that is not read."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from synkron.errors import SynkronError
from synkron.postgres.connection import DRIVER_FAULTS, Connect, Connection
from synkron.runtime import log
from synkron.service.overview.refresh import read_due, refresh
from synkron.settings.load import Settings


class Freshness:
    """The refreshes of one process. Several processes may have one each: only one of them refreshes at a time.

    ``connect`` opens the connection of a refresh that goes on beside the pages.
    """

    def __init__(self, connect: Connect, settings: Settings) -> None:
        self._connect = connect
        self._settings = settings
        self._beside: asyncio.Task[None] | None = None

    async def ensure(self, connection: Connection) -> None:
        """To be called before a page, outside a transaction. Waits for the first refresh, and for one that is quick.

        A longer one goes on beside, and later pages have its result. Raises ServiceRoleRequired, SourceTableMissing
        and LedgerMissing.
        """
        due = await read_due(connection, self._settings)
        if due.is_due and due.is_quick:
            await refresh(connection, self._settings)
        elif due.is_due and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(self._refresh_beside(), name="overview")

    async def close(self) -> None:
        """Cancel the refresh that is under way."""
        if self._beside is not None:
            self._beside.cancel()
            with suppress(asyncio.CancelledError):
                await self._beside

    async def _refresh_beside(self) -> None:
        try:
            async with self._connect() as connection:
                await refresh(connection, self._settings)
        except (SynkronError, *DRIVER_FAULTS) as error:
            # The pages go on with what they have; the next one tries again.
            log.warning("the overview was not refreshed", reason=str(error))
