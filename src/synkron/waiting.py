"""Waits for a time, an event or a task, whichever comes first; and runs long work without blocking other tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from synkron.steps import Steps

Answer = TypeVar("Answer")

# How many seconds work may block the event loop at a time. A worker in the same process runs in between.
LONGEST_TURN = 0.01


async def pause(seconds: float | None, *events: asyncio.Event) -> None:
    """Pause for this long, or until one of the events is set; with None, there is no time limit."""
    waiting = {asyncio.create_task(event.wait()) for event in events or (asyncio.Event(),)}
    try:
        longest = None if seconds is None else max(seconds, 0)
        await asyncio.wait(waiting, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def until(running: asyncio.Future[Any], event: asyncio.Event, longest: float | None = None) -> None:
    """Wait until it is done or the event is set. Cancelling this wait does not cancel ``running``."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({running, waiting}, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def unless_stopped(doing: Coroutine[Any, Any, Answer], stop: asyncio.Event) -> Answer | None:
    """The result; None if it is cancelled because ``stop`` is set first."""
    task = asyncio.create_task(doing)
    await until(task, stop)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return None
    return await task


async def by_turns(work: Steps[Answer]) -> Answer:
    """The result of long work. Other tasks run every hundredth of a second; a cancellation takes effect there."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
        if loop.time() - began >= LONGEST_TURN:
            await pause(0)
            began = loop.time()
