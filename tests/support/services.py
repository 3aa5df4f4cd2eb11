"""The service in this process, whose target is a function here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.load import HealthSettings, Settings, TypeSettings
from tests.support.databases import Database

QUIET = HealthSettings(mode="passive")
TARGET = Settings(types={"xledger": TypeSettings(target="tests.support.services:sync", health=QUIET)})
BOTH = (Role.SCHEDULER, Role.WORKER)
delivered: list[str] = []


async def sync(run: object) -> None:
    """What the service calls."""
    delivered.append(str(run))


@asynccontextmanager
async def serving(database: Database, *roles: Role) -> AsyncIterator[asyncio.Event]:
    """The service in these roles, or in both; the event stops it."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(database.url, TARGET, roles or BOTH, stop, {}))
    try:
        yield stop
    finally:
        stop.set()
        await task
