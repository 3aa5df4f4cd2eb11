"""``POST /v1/tick``: pg_cron, or any other clock that can send a request, lets this process tick."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from synkron.delivery.targets import Target
from synkron.delivery.warm_up import send
from synkron.errors import DatabaseError, Refused
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Pool
from synkron.runtime import log
from synkron.scheduler.tick import tick
from synkron.service.api.connection import body_of, in_json
from synkron.service.tick_log import TickLog
from synkron.settings.load import Settings
from synkron.settings.signing import Signing, is_signed
from synkron.source.mirror import Mirror

WRONGLY_SIGNED = "the signature is wrong, its timestamp is more than five minutes off, or no tick_secret is set here"
REFUSED = "there was no tick; the log of this service says why"


@dataclass(frozen=True, slots=True)
class TickEndpoint:
    """Ticks for a signed request, and warms up the targets of what was claimed.

    Without a ``signing`` it refuses every request. A request that comes twice is harmless: a tick only decides what is
    not decided yet.
    """

    pool: Pool
    settings: Settings
    signing: Signing | None
    targets: Mapping[str, Target]
    name: str
    mirror: Mirror | None = None
    tick_log: TickLog = field(default_factory=TickLog)
    warming: set[asyncio.Task[object]] = field(default_factory=set)

    async def post(self, request: web.Request) -> web.Response:
        """Handle one request. The warm-ups go on after the answer, because who asks waits for ten seconds only."""
        body = await body_of(request)
        async with self.pool.acquire() as connection:
            now = await database_clock(connection)
            if self.signing is None or not is_signed(self.signing.webhook, request.headers, body, now):
                raise web.HTTPUnauthorized(reason=WRONGLY_SIGNED)
            try:
                done = await tick(connection, self.settings, scheduler=self.name, source="pg_cron", mirror=self.mirror)
            except (Refused, DatabaseError) as error:
                log.warning("no tick", reason=str(error))
                raise web.HTTPServiceUnavailable(reason=REFUSED) from None
        self.tick_log.write(done)
        if done.ahead:
            task = asyncio.create_task(self._warm_up(done.ahead))
            self.warming.add(task)
            task.add_done_callback(self.warming.discard)
        return in_json({"due": done.due, "claimed": done.claimed, "skipped": done.skipped, "held": done.held})

    # requirement R16.5
    async def _warm_up(self, ahead: Mapping[str, datetime]) -> None:
        try:
            await send.warm_up(self.pool, self.targets, ahead, self.settings)
        except Exception:
            log.exception("warm-up failed")
