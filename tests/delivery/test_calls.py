"""Calls that are under way are broken off, each once."""

from __future__ import annotations

import asyncio

from synkron.delivery.calls import BrokenOff, Calls
from tests.delivery.targets.far_side import RUN


async def test_a_call_that_cleans_up_is_not_disturbed() -> None:
    """The ledger names a cancelled run at every look, until its call has ended."""
    calls, called, cleaning, let_go = Calls(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    cleaned: list[bool] = []

    async def call() -> None:
        try:
            called.set()
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await let_go.wait()
            cleaned.append(True)

    making = asyncio.create_task(calls.make(RUN, call()))  # type: ignore[arg-type]
    await called.wait()
    calls.break_off(BrokenOff.CANCELLED, [RUN.id])
    await cleaning.wait()
    calls.break_off(BrokenOff.CANCELLED, [RUN.id])
    let_go.set()
    assert await making is BrokenOff.CANCELLED
    assert cleaned == [True]
