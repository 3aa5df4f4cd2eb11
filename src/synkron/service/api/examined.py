"""The doctor's findings, as the API and the dashboard ask for them."""

from __future__ import annotations

from functools import partial

from synkron.postgres.connection import connected
from synkron.service.api.served import Served
from synkron.service.doctor.check import Context
from synkron.service.doctor.examination import examine
from synkron.service.nouns.examination import Examination, examination


async def examined(parts: Served) -> Examination:
    """What Synkron needs, and whether it is there; at most ten seconds old. Takes half a minute at most."""

    async def anew() -> Examination:
        given = Context(partial(connected, parts.url), parts.url, parts.settings, parts.environment)
        return examination(await examine(given))

    return await parts.examination.get(anew)
