"""Questions that take seconds: few at once, so that they leave connections for the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from synkron.operations.access.actor import Actor
from synkron.service.api.access import asking
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.served import Parts

Asking = Annotated[Actor, Depends(asking, scope="function")]


async def few(request: Request, _: Asking, parts: Parts) -> AsyncIterator[None]:
    """One of the few places for such a question. Raises a Problem (503) where none gets free in time.

    A route has it before its connection: nobody holds one while waiting.
    """
    may_take(request, LONG)
    async with parts.heavy.one():
        yield


Heavy = Annotated[None, Depends(few, scope="function")]
