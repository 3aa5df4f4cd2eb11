"""How the loops of a process end together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from synkron.runtime import log, until

# Seconds that the loops have after the grace, and again after they were cancelled.
END_WITHIN = 3.0


async def together(
    loops: Collection[asyncio.Task[None]], stop: asyncio.Event, at_once: asyncio.Event, grace: float
) -> None:
    """Wait for the loops until told to stop, then for the grace, then a moment more. Then cancel the rest."""
    everything = asyncio.gather(*loops, return_exceptions=True)
    try:
        await until(everything, stop)
        await until(everything, at_once, longest=grace)
    finally:
        stop.set()
        at_once.set()
        _, left = await asyncio.wait(loops, timeout=END_WITHIN)
        if left:
            names = ",".join(sorted(loop.get_name() for loop in left))
            log.warning("loops cancelled", loops=names, reason="the database does not answer")
            for loop in left:
                loop.cancel()
            await asyncio.wait(left, timeout=END_WITHIN)
