"""Asks the database once for what many tasks ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Generic, TypeVar

from synkron.postgres.faults import is_of_one_question

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# How many questions one statement takes, and how many statements may be under way: while one waits for the disk, the
# other works.
MOST = 500
AT_ONCE = 2


class Batched(Generic[Asked, Answer]):
    """``ask`` answers many questions in their order; this takes one at a time.

    Questions that are asked while statements are under way wait for one of them and then go together, so a lone one
    goes at once, and the busier it is the more go in one. Where the fault may lie in one question, each is asked alone,
    and only that one's task gets the error.
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
        """Whoever waits for an answer gets the error at once, as does whoever asks from now on.

        What the database was asked already, it goes on with.
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
            # Here, and not when the task is found to have ended: who asks in between would wait for somebody else.
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
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if len(asked) > 1 and is_of_one_question(error):
                for alone in asked:
                    await self._answer([alone])
                return
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
