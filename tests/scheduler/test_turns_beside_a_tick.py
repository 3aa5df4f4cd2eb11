"""A long tick leaves others their turns on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg
import pytest

from synkron.runtime import sleep
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc
from tests.support.stepped_clock import install_clock


class Noting(asyncpg.Connection):
    """A connection that knows whether it asks something."""

    is_asking = False

    async def fetch(self, *args: Any, **more: Any) -> Any:
        return await self._noted(super().fetch(*args, **more))

    async def fetchrow(self, *args: Any, **more: Any) -> Any:
        return await self._noted(super().fetchrow(*args, **more))

    async def fetchval(self, *args: Any, **more: Any) -> Any:
        return await self._noted(super().fetchval(*args, **more))

    async def execute(self, *args: Any, **more: Any) -> Any:
        return await self._noted(super().execute(*args, **more))

    async def _noted(self, asking: Awaitable[Any]) -> Any:
        self.is_asking = True
        try:
            return await asking
        finally:
            self.is_asking = False


async def test_others_have_their_turns_while_a_tick_decides(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker in the same process, say, whose signs of life may not stop for as long as an outage takes to decide."""
    monkeypatch.setattr("synkron.runtime.LONGEST_TURN", 0.0)
    settings = Settings(types={"xledger": TypeSettings(catch_up=CatchUp.ALL, pace=60)})
    integrations, moments = 20, 5
    for _ in range(integrations):
        await add_integration(connection, "0 * * * *")
    await connection.execute("insert into synkron.watermark (at) values ($1)", utc("2026-03-02T01:30:00"))
    ticking = await asyncpg.connect(database.url, connection_class=Noting)
    await install_clock(ticking, utc("2026-03-02T06:00:20"))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await sleep(0)
            turns += not ticking.is_asking

    busy = asyncio.create_task(other())
    done = await tick(ticking, settings, scheduler="test")
    busy.cancel()
    await ticking.close()
    assert done.claimed == integrations * moments
    # The rows are read and judged, and decided one by one; each run is parted from others, counted, paced, and
    # looked at for when it starts.
    assert turns >= 3 * integrations + 4 * done.claimed
