"""Keeps the copy fresh while somebody looks: nobody pays for a copy that is not read."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from synkron.errors import SynkronError
from synkron.postgres.connection import DRIVER_FAULTS, Connect, Connection
from synkron.runtime import log
from synkron.service.overview.refresh import read_due, refresh
from synkron.settings.load import Settings

# How many seconds a page waits for a refresh.
LONGEST_WAIT = 2.0


class Freshness:
    """The refreshes of one process. Several processes may have one each: only one of them refreshes at a time.

    ``connect`` opens the connection of a refresh, which goes on beside the pages.
    """

    def __init__(self, connect: Connect, settings: Settings) -> None:
        self._connect = connect
        self._settings = settings
        self._beside: asyncio.Task[None] | None = None

    async def ensure(self, connection: Connection) -> bool:
        """To be called before a page, outside a transaction: starts a refresh if one is due.

        Waits for the first, and for one that is quick, but not long: it goes on though the page is gone, and later
        pages have its result. Answers whether there is a copy: without one, a page would be empty, which is not so.
        Raises LedgerMissing.
        """
        due = await read_due(connection, self._settings)
        if not due.is_due:
            return True
        if self._beside is None or self._beside.done():
            self._beside = asyncio.create_task(self._refresh_beside(), name="overview")
        if due.is_quick:
            await asyncio.wait({self._beside}, timeout=LONGEST_WAIT)
        return due.at is not None or (await read_due(connection, self._settings)).at is not None

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
