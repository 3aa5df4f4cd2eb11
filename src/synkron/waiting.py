"""Waiting for a time, an event or a task, whichever comes first; and working without keeping others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from synkron.steps import Steps

Answer = TypeVar("Answer")

# Seconds for which work may hold the loop up at a time. A worker in the same process has its turn in between.
LONGEST_TURN = 0.01


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


async def by_turns(work: Steps[Answer]) -> Answer:
    """The answer of long work. Every hundredth of a second all other tasks have a turn; cancelled, it ends there."""
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
