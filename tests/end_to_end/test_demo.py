"""The demo as a newcomer meets it: a real process, for a minute and a half.

`python -m bench.demo` shows the same over five minutes, with the drift.
"""

from __future__ import annotations

import asyncio

from bench.demo import observe


async def test_every_occurrence_of_every_live_integration_exactly_once() -> None:
    seen = await asyncio.to_thread(observe, 100)
    assert seen.expected
    assert (seen.missing, seen.doubled, seen.unexpected) == (set(), set(), set())
    assert seen.settled
    assert {run["state"] for run in seen.settled} == {"succeeded"}
