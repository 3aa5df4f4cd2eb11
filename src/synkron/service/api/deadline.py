"""How long a request may take until its answer begins; what takes long asks for more, once it is known who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request

from synkron.service.api.problem import Problem

# Seconds: a database that stands still is told of within these.
ANSWER_WITHIN = 6.0
# Seconds for a change, and for a report on a large fleet.
LONG = 120.0
# The state of a request has its deadline under this name.
KEY = "deadline"
MAYBE_DONE = "it may have been done: look before you send it again, or send it with the same Idempotency-Key"


class Deadline:
    """The deadline of one request, and for how many seconds it was set; ``end`` is called when it has passed.

    A question is ended if its client leaves, too. What changes something goes on.
    """

    def __init__(self, end: Callable[[], None], *, is_question: bool) -> None:
        self.seconds = 0.0
        self.has_left = False
        self._end = end
        self._is_question = is_question
        self._timer: asyncio.TimerHandle | None = None
        self.move(ANSWER_WITHIN)

    def move(self, seconds: float | None) -> None:
        """Let it pass so many seconds from now; None for never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self.seconds = seconds
            self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def leave(self) -> None:
        """Note that the client has left."""
        self.has_left = True
        if self._is_question:
            self._end()

    def problem(self) -> Problem:
        """What is answered once it has passed. A change may have been committed though its answer was not there yet."""
        advice = "try again" if self._is_question else MAYBE_DONE
        detail = f"there was no answer within {self.seconds:g} s, as the database is away or busy; {advice}"
        return Problem(503, detail, {"Retry-After": "5"})


def may_take(request: Request, seconds: float | None) -> None:
    """Give a request so many seconds from now; None for as long as it takes."""
    deadline: Deadline = request.scope["state"][KEY]
    deadline.move(seconds)
