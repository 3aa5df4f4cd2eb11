"""Waiting for a time or an event, whichever comes first."""

from __future__ import annotations

import asyncio


async def pause(seconds: float | None, *until: asyncio.Event) -> None:
    """Pause for so long, or until one of the events is set; with None, however long that takes."""
    waiting = {asyncio.create_task(event.wait()) for event in until or (asyncio.Event(),)}
    try:
        longest = None if seconds is None else max(seconds, 0)
        await asyncio.wait(waiting, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
