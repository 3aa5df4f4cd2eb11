"""Answers that many ask for, and that are made once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Shared(Generic[Found]):
    """An answer that is made at most once in so many seconds, when somebody asks for it.

    It takes one in ``share`` parts of the time at most: if it took long, it is kept for longer. It goes on being made
    though who asked for it leaves: otherwise one that takes longer than anybody waits would never be there.
    """

    def __init__(self, seconds: float, share: float = 1.0) -> None:
        self._seconds = seconds
        self._share = share
        self._turn = asyncio.Lock()
        self._making: asyncio.Task[Found] | None = None
        self._until = float("-inf")

    async def get(self, make: Callable[[], Awaitable[Found]]) -> Found:
        """The answer, of now or of a moment ago. Raises what ``make`` raises; then the next one makes it."""
        async with self._turn:
            if self._making is None or (self._making.done() and asyncio.get_running_loop().time() >= self._until):
                self._making = asyncio.create_task(self._make(make), name="shared answer")
                self._making.add_done_callback(_seen)
            await asyncio.wait({self._making})
            return self._making.result()

    async def close(self) -> None:
        """Cancel the making that is under way."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait({self._making})

    async def _make(self, make: Callable[[], Awaitable[Found]]) -> Found:
        clock = asyncio.get_running_loop().time
        begun = clock()
        found = await make()
        self._until = begun + max(self._seconds, self._share * (clock() - begun))
        return found


def _seen(making: asyncio.Task[Found]) -> None:
    """Take note of its error, which nobody may be left to be told."""
    if not making.cancelled():
        making.exception()
