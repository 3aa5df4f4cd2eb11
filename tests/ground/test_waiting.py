"""Long work that lets others have their turns."""

from __future__ import annotations

import asyncio

import pytest

from synkron.model import Steps
from synkron.runtime import by_turns
from synkron.source.due import at_once


def counted(steps: int, seen: list[str]) -> Steps[str]:
    for number in range(steps):
        seen.append(f"step {number}")
        yield
    return "done"


async def test_others_have_a_turn_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each step takes as long as work may hold the loop up."""
    monkeypatch.setattr("synkron.runtime.LONGEST_TURN", 0.0)
    seen: list[str] = []

    async def other() -> None:
        seen.append("other")

    work = asyncio.create_task(by_turns(counted(2, seen)))
    await asyncio.wait({work, asyncio.create_task(other())})
    assert work.result() == "done"
    assert seen == ["step 0", "other", "step 1"]


async def test_broken_off_it_ends_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synkron.runtime.LONGEST_TURN", 0.0)
    seen: list[str] = []
    work = asyncio.create_task(by_turns(counted(1000, seen)))
    await asyncio.wait({work}, timeout=0)
    work.cancel()
    await asyncio.wait({work})
    assert work.cancelled()
    assert 1 <= len(seen) < 10


async def test_short_work_is_done_in_one_turn() -> None:
    seen: list[str] = []
    ahead_of_it = asyncio.get_running_loop().create_task(by_turns(counted(3, seen)))
    await asyncio.wait({ahead_of_it}, timeout=0)
    assert ahead_of_it.done()


def test_all_at_once_it_answers_the_same() -> None:
    assert at_once(counted(2, [])) == "done"
