"""Outcomes that the database does not accept at once are kept, and recorded when it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain, count, repeat

from synkron.model import Run
from synkron.postgres.connection import DRIVER_FAULTS
from synkron.postgres.faults import is_for_ever
from synkron.runtime import log, sleep

# Seconds between tries. The last one is repeated. It is short: another worker takes over jobs that show no heartbeat.
PAUSES = (0.2, 1.0, 3.0)
# The pauses of a worker that was told to end.
LAST_PAUSES = (0.2,) * 8
# Seconds. The answer that an outcome is recorded, and the next attempt's job, come on two connections, in any order.
SOON = 1.0
# After the first tries, one line is logged for this many tries, which is about a minute.
TOLD_EVERY = 20


class OutcomeRecorder:
    """Records the outcomes of attempts, until ``giving_up`` is set.

    The target has done its work. If the outcome were lost, the run would be delivered again and the attempt would count
    as a crash of its worker, though neither failed.
    """

    def __init__(self, giving_up: asyncio.Event) -> None:
        self._giving_up = giving_up
        self._recorded: dict[int, asyncio.Event] = {}

    async def has_recorded(self, run_id: int) -> bool:
        """Whether every outcome of the run is recorded. One that is under way is waited for, for ``SOON``."""
        if (recorded := self._recorded.get(run_id)) is not None:
            await sleep(SOON, recorded, self._giving_up)
        return run_id not in self._recorded

    async def record(self, run: Run, write: Callable[[], Awaitable[bool]]) -> bool:
        """The result of ``write``, repeated while the database fails. Raises an error that repeating can't cure."""
        recorded = self._recorded[run.id] = asyncio.Event()
        try:
            waits, last_waits = chain(PAUSES, repeat(PAUSES[-1])), iter(LAST_PAUSES)
            for tries in count():
                try:
                    return await write()
                except DRIVER_FAULTS as error:
                    is_last = self._giving_up.is_set()
                    wait = next(last_waits, None) if is_last else next(waits)
                    if wait is None or is_for_ever(error):
                        raise
                    if tries < len(PAUSES) or tries % TOLD_EVERY == 0:
                        log.warning("outcome not recorded yet", run_id=run.id, reason=str(error), tries=tries + 1)
                # If this worker is told to end, the next try comes at once.
                await (sleep(wait) if is_last else sleep(wait, self._giving_up))
            raise AssertionError
        finally:
            recorded.set()
            # An earlier attempt, which another worker has taken over meanwhile, may end beside a later one.
            if self._recorded.get(run.id) is recorded:
                del self._recorded[run.id]
