"""What many tasks ask at the same time goes in one statement; a refused question costs its own task alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from asyncpg import CharacterNotInRepertoireError, ConnectionDoesNotExistError

from synkron.errors import ServiceRoleRequired
from synkron.postgres.batch import AT_ONCE, MOST, Batched


class Database:
    """Doubles numbers; waits where told to, and fails where told to."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fault: Exception | None = None
        self.refused: set[int] = set()
        self.refusal: Exception = CharacterNotInRepertoireError("invalid byte sequence")

    async def double(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append(list(numbers))
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        if self.refused & set(numbers):
            raise self.refusal
        return [2 * number for number in numbers]


async def test_a_lone_question_goes_at_once() -> None:
    database = Database()
    assert await Batched(database.double)(4) == 8
    assert database.asked == [[4]]


async def test_what_is_asked_together_goes_together_and_each_gets_its_own_answer() -> None:
    database = Database()
    ask = Batched(database.double)
    assert await asyncio.gather(*map(ask, range(5))) == [0, 2, 4, 6, 8]
    assert database.asked == [[0, 1, 2, 3, 4]]


async def test_what_is_asked_meanwhile_waits_and_then_goes_together() -> None:
    database = Database()
    database.may_answer.clear()
    ask = Batched(database.double)
    first = []
    for number in range(AT_ONCE):
        first.append(asyncio.create_task(ask(number)))
        await asyncio.wait(first, timeout=0)
        await asyncio.wait(first, timeout=0)
    rest = [asyncio.create_task(ask(number)) for number in (7, 8)]
    await asyncio.wait(rest, timeout=0)
    database.may_answer.set()
    assert await asyncio.gather(*first, *rest) == [0, 2, 14, 16]
    assert database.asked == [[0], [1], [7, 8]]


async def test_whoever_asks_as_others_have_just_been_answered_is_not_forgotten() -> None:
    database = Database()
    ask = Batched(database.double)
    for number in range(50):
        assert await asyncio.wait_for(ask(number), 5) == 2 * number


async def test_no_statement_takes_more_than_it_should() -> None:
    database = Database()
    await asyncio.gather(*map(Batched(database.double), range(2 * MOST + 1)))
    assert [len(asked) for asked in database.asked] == [MOST, MOST, 1]


@pytest.mark.parametrize("refusal", [CharacterNotInRepertoireError("invalid byte sequence"), ValueError("year 10000")])
async def test_what_is_refused_costs_its_own_task_alone(refusal: Exception) -> None:
    """By the database, or by what reads its answer."""
    database = Database()
    database.refused, database.refusal = {2}, refusal
    assert await asyncio.gather(*map(Batched(database.double), (1, 2, 3)), return_exceptions=True) == [2, refusal, 6]


async def test_an_answer_too_few_is_told_and_nobody_waits_for_ever() -> None:
    async def forgetful(numbers: Sequence[int]) -> list[int]:
        return list(numbers)[1:]

    for answer in await asyncio.gather(*map(Batched(forgetful), (1, 2)), return_exceptions=True):
        assert isinstance(answer, ValueError)


@pytest.mark.parametrize("fault", [ConnectionDoesNotExistError("gone"), OSError("gone"), ServiceRoleRequired("no")])
async def test_what_is_nobodys_fault_is_asked_once_and_everybody_is_told(fault: Exception) -> None:
    database = Database()
    database.fault = fault
    ask = Batched(database.double)
    assert await asyncio.gather(*map(ask, (1, 2)), return_exceptions=True) == [fault, fault]
    assert database.asked == [[1, 2]]
    database.fault = None
    assert await ask(3) == 6


async def test_who_stops_waiting_takes_nobody_with_it() -> None:
    database = Database()
    database.may_answer.clear()
    ask = Batched(database.double)
    tasks = [asyncio.create_task(ask(number)) for number in (1, 2)]
    await asyncio.wait(tasks, timeout=0)
    tasks[0].cancel()
    database.may_answer.set()
    assert await tasks[1] == 4


async def test_who_waits_is_refused_at_once_and_whoever_asks_later() -> None:
    database = Database()
    database.may_answer.clear()
    ask = Batched(database.double)
    waiting = [asyncio.create_task(ask(number)) for number in range(3)]
    await asyncio.wait(waiting, timeout=0)
    waiting.append(asyncio.create_task(ask(3)))
    await asyncio.wait(waiting, timeout=0)
    ask.refuse(lambda: ServiceRoleRequired("no more"))
    refused = await asyncio.gather(*waiting, ask(4), return_exceptions=True)
    assert [type(one) for one in refused] == [ServiceRoleRequired] * 5
    assert len({id(one) for one in refused}) == 5
    database.may_answer.set()
