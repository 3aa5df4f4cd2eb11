"""``POST /v1/tick``: pg_cron, or any other clock that can send a request, lets this process tick."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from synkron.delivery.warm_up import send
from synkron.errors import DatabaseError, Refused
from synkron.postgres.clock import database_clock
from synkron.runtime import log
from synkron.scheduler.tick import tick
from synkron.service.api.answer import answer
from synkron.service.api.deadline import may_take
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts, Served
from synkron.settings.signing import is_signed

WRONGLY_SIGNED = "the signature is wrong, its timestamp is more than five minutes off, or no tick_secret is set here"
REFUSED = "there was no tick; the log of this service says why"

router = APIRouter(tags=["targets"])


class Ticked(BaseModel):
    """What the tick decided: how many occurrences were due, claimed, skipped and held."""

    due: int
    claimed: int
    skipped: int
    held: int


@router.post("/v1/tick", responses=documented(Ticked, 401, 422), openapi_extra={"security": [{"signature": []}]})
async def post(request: Request, parts: Parts, connection: Db) -> Response:
    """Tick now. The request is signed with ``tick_secret``; a request that comes twice is harmless.

    The tick goes on though who asks has left, which pg_cron does after some seconds; a tick that ends an outage takes
    longer. The warm-ups of what was claimed go on after the answer.
    """
    now = await database_clock(connection)
    signing = parts.tick_signing
    if signing is None or not is_signed(signing.webhook, request.headers, await request.body(), now):
        raise Problem(401, WRONGLY_SIGNED)
    may_take(request, None)
    try:
        done = await tick(connection, parts.settings, scheduler=parts.name, source="pg_cron", mirror=parts.mirror)
    except (Refused, DatabaseError) as error:
        log.warning("no tick", reason=str(error))
        raise Problem(503, REFUSED) from None
    parts.tick_log.write(done)
    if done.ahead:
        task = asyncio.create_task(_warm_up(parts, done.ahead))
        parts.background.add(task)
        task.add_done_callback(parts.background.discard)
    return answer(request, {"due": done.due, "claimed": done.claimed, "skipped": done.skipped, "held": done.held})


# requirement R16.5
async def _warm_up(parts: Served, ahead: Mapping[str, datetime]) -> None:
    try:
        await send.warm_up(parts.pool, parts.targets, ahead, parts.settings)
    except Exception:
        log.exception("warm-up failed")
