"""Answers that many ask for, and that are made once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Shared(Generic[Found]):
    """An answer that is made at most once in so many seconds, by one of those who ask for it.

    It takes one in ``share`` parts of the time at most: if it took long, it is kept for longer.
    """

    def __init__(self, seconds: float, share: float = 1.0) -> None:
        self._seconds = seconds
        self._share = share
        self._making = asyncio.Lock()
        self._until = float("-inf")
        self._found: Found | None = None

    async def get(self, make: Callable[[], Awaitable[Found]]) -> Found:
        """The answer, of now or of a moment ago. Raises what ``make`` raises; then the next one makes it."""
        async with self._making:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            if self._found is None or begun >= self._until:
                self._found = await make()
                self._until = begun + max(self._seconds, self._share * (loop.time() - begun))
            return self._found
