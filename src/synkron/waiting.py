"""Waiting for a time, an event or a task, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


async def pause(seconds: float | None, *events: asyncio.Event) -> None:
    """Pause for so long, or until one of the events is set; with None, however long that takes."""
    waiting = {asyncio.create_task(event.wait()) for event in events or (asyncio.Event(),)}
    try:
        longest = None if seconds is None else max(seconds, 0)
        await asyncio.wait(waiting, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def until(running: asyncio.Future[Any], event: asyncio.Event, longest: float | None = None) -> None:
    """Wait until it is done or the event is set. Cancelled, this alone ends."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({running, waiting}, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def unless_stopped(doing: Coroutine[Any, Any, Answer], stop: asyncio.Event) -> Answer | None:
    """What comes of it; None where it is broken off, as the service is told to stop."""
    task = asyncio.create_task(doing)
    await until(task, stop)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return None
    return await task
