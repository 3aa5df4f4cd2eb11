"""Run the command ``synkron`` under an event loop whose time runs fast: ``python launch.py SPEED ARGUMENTS...``.

Time-outs, pauses and heartbeats of Synkron, PgQueuer, asyncpg and aiohttp all come from the loop's ``time()`` and end
in a wait of its selector, so both are scaled and nothing else is. It is run as a file, in a process of its own.
"""

from __future__ import annotations

import asyncio
import selectors
import sys

from synkron import runtime
from synkron.cli import main


class _FastSelector(selectors.DefaultSelector):
    """A selector that is asked for waits of the fast time and waits that much shorter."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else timeout / self._speed)


class _FastLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds are shorter."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        super().__init__(_FastSelector(speed))

    def time(self) -> float:
        return super().time() * self._speed


class _FastLoops(asyncio.DefaultEventLoopPolicy):
    """Makes every loop a fast one: asyncio.run takes its loop from here, and so does a service."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _FastLoop(self._speed)


if __name__ == "__main__":
    loops = _FastLoops(float(sys.argv[1]))
    asyncio.set_event_loop_policy(loops)
    runtime.new_event_loop = loops.new_event_loop
    main(sys.argv[2:])
