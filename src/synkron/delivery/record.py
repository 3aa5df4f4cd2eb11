"""Outcomes that the database does not take at once are kept, and recorded when it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import chain, repeat

import structlog
from asyncpg import PostgresError

from synkron.model import Run
from synkron.postgres.connection import DRIVER_FAULTS

# Seconds; the last one again and again.
PAUSES = (0.2, 1.0, 3.0, 8.0, 15.0)

log = structlog.get_logger("synkron")


class Recording:
    """Records what came of attempts, until ``giving_up`` is set.

    The target has done its work: an attempt whose outcome is forgotten would be delivered again, and count as one that
    lost its worker, though nothing was wrong with either.
    """

    def __init__(self, giving_up: asyncio.Event) -> None:
        self._giving_up = giving_up
        self._kept: set[int] = set()

    def keeps(self, run_id: int) -> bool:
        """Whether an outcome of the run is still to be recorded."""
        return run_id in self._kept

    async def record(self, run: Run, write: Callable[[], Awaitable[bool]]) -> bool:
        """What ``write`` answers, called again while the database fails. Raises the fault when it is of no use."""
        self._kept.add(run.id)
        try:
            pauses = chain(PAUSES, repeat(PAUSES[-1]))
            while True:
                try:
                    return await write()
                except DRIVER_FAULTS as error:
                    if self._giving_up.is_set() or _is_refused(error):
                        raise
                    pause = next(pauses)
                    log.warning("outcome not recorded yet", run_id=run.id, reason=str(error), retry_in=pause)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._giving_up.wait(), pause)
        finally:
            self._kept.discard(run.id)


def _is_refused(error: Exception) -> bool:
    """Whether the database will never take it: data it can't hold, or a constraint."""
    return isinstance(error, PostgresError) and (error.sqlstate or "")[:2] in ("22", "23")
