"""Combines the questions that many tasks ask at the same time into one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Generic, TypeVar

from synkron.model import Answer
from synkron.postgres.faults import is_of_one_question

Asked = TypeVar("Asked")

# The most questions in one statement, and the most statements under way: while one waits for the disk, the other works.
MOST = 500
AT_ONCE = 2


class Batched(Generic[Asked, Answer]):
    """Takes one question at a time; ``ask`` answers many, in their order.

    A question is sent at once unless ``AT_ONCE`` statements are under way. Those that come meanwhile are sent together
    in the next statement. If an error may be caused by one question, each is asked again alone, and only the task that
    asked it gets the error.
    """

    def __init__(self, ask: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._asking: dict[asyncio.Task[None], Sequence[tuple[Asked, asyncio.Future[Answer]]]] = {}
        self._refusal: Callable[[], Exception] | None = None

    async def __call__(self, one: Asked) -> Answer:
        """The answer to one question. Raises what ``ask`` raises."""
        if self._refusal is not None:
            raise self._refusal()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        if len(self._asking) < AT_ONCE:
            self._asking[asyncio.create_task(self._ask_all())] = ()
        return await answer

    def refuse(self, refusal: Callable[[], Exception]) -> None:
        """Raise the error for every caller that waits for an answer, and for every later one.

        The database still completes the statements that were sent.
        """
        self._refusal = refusal
        for _, answer in chain(self._waiting, *self._asking.values()):
            if not answer.done():
                answer.set_exception(refusal())

    async def _ask_all(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                self._asking[task] = together
                await self._answer(together)
        finally:
            # Here, and not when the task has ended: a question that came in between would wait for another one.
            del self._asking[task]

    async def _answer(self, together: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        asked = [(one, answer) for one, answer in together if not answer.done()]
        if not asked:
            return
        try:
            answers = await self._ask([one for one, _ in asked])
            for (_, answer), found in list(zip(asked, answers, strict=True)):
                if not answer.done():
                    answer.set_result(found)
        except Exception as error:  # noqa: BLE001 - every caller gets it
            if len(asked) > 1 and is_of_one_question(error):
                for alone in asked:
                    await self._answer([alone])
                return
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
