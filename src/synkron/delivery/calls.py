"""A worker's calls of targets that are under way, and how they are broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from enum import Enum, auto
from typing import Any, NoReturn

from synkron.ledger import attempts
from synkron.model import Outcome, Run
from synkron.postgres.connection import DRIVER_FAULTS, Executor
from synkron.runtime import log, sleep

# Seconds between two looks at the ledger, and the shortest time between two. A notification causes an earlier look: the
# first limits the cost of a lost notification, the second that of many forged ones.
LOOK_EVERY = 2.0
LOOK_AGAIN = 0.5


class BrokenOff(Enum):
    """Why a call was broken off."""

    CANCELLED = auto()
    HANDED_BACK = auto()


class Calls:
    """The calls that are under way, each with its run."""

    def __init__(self) -> None:
        self._runs: dict[asyncio.Task[Outcome], Run] = {}
        self._broken_off: dict[asyncio.Task[Outcome], BrokenOff] = {}

    def __len__(self) -> int:
        return len(self._runs)

    async def make(self, run: Run, call: Coroutine[Any, Any, Outcome]) -> Outcome | BrokenOff:
        """The outcome of the call, or why it was broken off."""
        task = asyncio.create_task(call)
        self._runs[task] = run
        try:
            return await task
        except asyncio.CancelledError:
            if task not in self._broken_off:
                raise
            return self._broken_off[task]
        finally:
            del self._runs[task]
            self._broken_off.pop(task, None)

    def break_off(self, why: BrokenOff, run_ids: Collection[int] | None = None) -> None:
        """Break off the calls of these runs, or all calls. A call that is already cleaning up is not disturbed."""
        for task, run in self._runs.items():
            if (run_ids is None or run.id in run_ids) and self._broken_off.get(task) is not why:
                self._broken_off.setdefault(task, why)
                task.cancel()

    async def keep_looking_for_cancelled(self, connection: Executor, heard: asyncio.Event) -> NoReturn:
        """Until cancelled, break off the calls of runs that an operator has cancelled according to the ledger.

        ``heard`` only makes it look sooner. It is not trusted, because everybody who may connect can notify.
        """
        while True:
            await sleep(LOOK_EVERY, heard)
            heard.clear()
            try:
                if self._runs:
                    found = await attempts.cancelled(connection, list(self._runs.values()))
                    self.break_off(BrokenOff.CANCELLED, found)
            except DRIVER_FAULTS as error:
                log.warning("check for cancelled runs failed", reason=str(error) or type(error).__name__)
            await sleep(LOOK_AGAIN)
