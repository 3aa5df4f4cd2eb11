"""A real HTTP endpoint on loopback that remembers every delivery, and can be told to hold its answers back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Receiver:
    """``deliveries`` are the keys in the order in which they came, ``answered`` those that were told 200.

    The first ``to_hold`` keys are held: their deliveries get no answer as long as it stands above zero.
    """

    deliveries: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    after_answer: list[str] = field(default_factory=list)
    to_hold: int = 0
    held: set[str] = field(default_factory=set)
    url: str = ""
    warm_ups: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Callable[[Receiver], bool], seconds: float) -> None:
        """Wait until the condition holds; it is looked at after every delivery and answer."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def be_warmed_up(self, _: web.Request) -> web.Response:
        """One warm-up."""
        self.warm_ups += 1
        await self._tell()
        return web.Response()

    async def receive(self, request: web.Request) -> web.Response:
        """One delivery."""
        key = request.headers["Idempotency-Key"]
        await request.read()
        if self.answered[key]:
            self.after_answer.append(key)
        self.deliveries.append(key)
        await self._tell()
        if self._holds(key):
            await asyncio.Event().wait()  # until the far side gives up
        self.answered[key] += 1
        await self._tell()
        return web.json_response({"received": key})

    def _holds(self, key: str) -> bool:
        if len(self.held) < self.to_hold:
            self.held.add(key)
        return self.to_hold > 0 and key in self.held

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/sync", receiver.receive)
    application.router.add_get("/sync", receiver.be_warmed_up)
    runner = web.AppRunner(application, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/sync"
    try:
        yield receiver
    finally:
        await runner.cleanup()
