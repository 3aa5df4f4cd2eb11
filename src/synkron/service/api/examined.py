"""The doctor's findings, as the API and the dashboard ask for them."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request

from synkron.postgres.connection import connected
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.served import Served
from synkron.service.doctor.check import Context
from synkron.service.doctor.examination import examine
from synkron.service.nouns.examination import Examination, examination


async def examined(request: Request, parts: Served) -> Examination:
    """What Synkron needs, and whether it is there; at most ten seconds old. Takes half a minute at most.

    Who waits while it is being looked for holds neither a place nor a connection.
    """

    async def anew() -> Examination:
        given = Context(partial(connected, parts.url), parts.url, parts.settings, parts.environment)
        async with parts.heavy.one():
            return examination(await examine(given))

    may_take(request, LONG)
    return await parts.examination.get(anew)
