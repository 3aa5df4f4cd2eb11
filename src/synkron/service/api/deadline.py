"""How long a request may take until its answer begins; what takes long asks for more, once it is known who asks."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from synkron.service.api.problem import Problem

# Seconds. A database that stands still is told of within the first; the second is for a report on a large fleet.
ANSWER_WITHIN = 6.0
LONG = 120.0
KEY = "deadline"


class Deadline:
    """The deadline of one request, and for how many seconds it was set; ``passed`` is done once it has passed."""

    def __init__(self) -> None:
        self.passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self.seconds = 0.0
        self.move(ANSWER_WITHIN)

    def move(self, seconds: float | None) -> None:
        """Let it pass so many seconds from now; None for never."""
        if self._timer is not None:
            self._timer.cancel()
        if seconds is None:
            self._timer = None
            return
        self.seconds = seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pass)

    def problem(self) -> Problem:
        """What is answered once it has passed."""
        detail = f"there was no answer within {self.seconds:g} s, as the database is away or busy; try again"
        return Problem(503, detail, {"Retry-After": "5"})

    def _pass(self) -> None:
        if not self.passed.done():
            self.passed.set_result(None)


def may_take(request: Request, seconds: float | None) -> None:
    """Give a request so many seconds from now; None for as long as it takes."""
    deadline: Deadline = request.scope["state"][KEY]
    deadline.move(seconds)
