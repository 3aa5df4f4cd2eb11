"""Questions that take seconds: few at once, so that they leave connections for the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from synkron.model import Scope
from synkron.postgres.connection import Connection
from synkron.service.api.access import Asking, Reader, Whom
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.served import Db, Parts, Served


async def few(request: Request, _: Asking, parts: Parts) -> AsyncIterator[None]:
    """One of the few places for such a question. Raises a Problem (503) where none gets free in time.

    A route has it before its connection: nobody holds one while waiting.
    """
    may_take(request, LONG)
    async with parts.heavy.one():
        yield


Heavy = Annotated[None, Depends(few, scope="function")]


@dataclass(frozen=True, slots=True)
class LongQuestion:
    """A question that takes seconds, of somebody who may read: about whom it is, and what it is answered with."""

    request: Request
    scope: Scope
    connection: Connection
    parts: Served


async def asked(request: Request, _: Reader, __: Heavy, scope: Whom, connection: Db, parts: Parts) -> LongQuestion:
    """The question that this request asks."""
    return LongQuestion(request, scope, connection, parts)


Asked = Annotated[LongQuestion, Depends(asked, scope="function")]
