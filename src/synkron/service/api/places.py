"""The few places for what takes long: whoever finds them taken waits for a turn, in the order of asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from synkron.service.api.problem import Problem

# How many seconds one waits, and how many wait at once: each is a connection of the 200 that there may be.
LONGEST_WAIT = 5.0
MOST_WAITING = 50


class Places:
    """So many at once, and how many are ``waiting``. Who waits holds nothing, and who leaves gives the place back."""

    def __init__(self, many: int) -> None:
        self._free = asyncio.Semaphore(many)
        self.waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place, until the end of the block. Raises a Problem (503) if none gets free in time."""
        if self.waiting >= MOST_WAITING:
            raise _taken()
        self.waiting += 1
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._free.acquire()
        except TimeoutError:
            raise _taken() from None
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()


def _taken() -> Problem:
    return Problem(503, "several requests that take long are being answered; try again", {"Retry-After": "5"})
