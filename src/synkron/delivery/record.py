"""Outcomes that the database does not take at once are kept, and recorded when it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain, count, repeat

from asyncpg import PostgresError

from synkron.log import log
from synkron.model import Run
from synkron.postgres.connection import DRIVER_FAULTS
from synkron.waiting import pause

# Seconds; the last one again and again, as another worker takes over what gives no sign of life.
PAUSES = (0.2, 1.0, 3.0)
# What is still tried by a worker that is told to end.
LAST_PAUSES = (0.2,) * 8
# How many tries there are to a line of the log, after the first ones: a minute's.
TOLD_EVERY = 20


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
            waits, last_waits = chain(PAUSES, repeat(PAUSES[-1])), iter(LAST_PAUSES)
            for tries in count():
                try:
                    return await write()
                except DRIVER_FAULTS as error:
                    is_last = self._giving_up.is_set()
                    wait = next(last_waits, None) if is_last else next(waits)
                    if wait is None or _is_refused(error):
                        raise
                    if tries < len(PAUSES) or tries % TOLD_EVERY == 0:
                        log.warning("outcome not recorded yet", run_id=run.id, reason=str(error), tries=tries + 1)
                # The next try comes at once when this worker is told to end.
                await (pause(wait) if is_last else pause(wait, self._giving_up))
            raise AssertionError
        finally:
            self._kept.discard(run.id)


def _is_refused(error: Exception) -> bool:
    """Whether the database will never take it: data it can't hold, or a constraint."""
    return isinstance(error, PostgresError) and (error.sqlstate or "")[:2] in ("22", "23")
