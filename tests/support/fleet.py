"""A few organizations and integrations for a test, and ways to wait for what the service does with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from synkron.postgres.connection import Executor
from synkron.runtime import sleep
from tests.conftest import Connection
from tests.support.databases import Database

# A minute that lies ahead is waited for: up to sixty seconds, and what the service does then.
PATIENCE = 90.0
LOOK_AGAIN = 0.01  # seconds


def utc(text: str) -> datetime:
    """An instant, written without its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def add_organization(connection: Connection, name: str = "Fjord", zone: str | None = None) -> str:
    """Insert an organization; answers its id."""
    found: str = await connection.fetchval(
        "insert into organizations (name, timezone) values ($1, $2) returning id::text", name, zone
    )
    return found


async def add_integration(
    connection: Connection,
    schedule: str | None,
    kind: str = "xledger",
    *,
    org_id: str | None = None,
    enabled: bool = True,
) -> str:
    """Insert an integration, of an organization of its own unless one is given; answers its id."""
    found: str = await connection.fetchval(
        "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) "
        "values ($1, $2, $3, $4) returning id::text",
        org_id or await add_organization(connection),
        kind,
        enabled,
        schedule,
    )
    return found


async def installation_of(connection: Connection) -> UUID:
    """The id that the keys of the test's database derive from."""
    found: UUID = await connection.fetchval("select id from synkron.installations where until is null")
    return found


Condition: TypeAlias = Callable[[Connection], Awaitable[bool]]


@asynccontextmanager
async def watching(
    database: Database, channel: str = "synkron_queue", patience: float = PATIENCE
) -> AsyncIterator[Callable[[Condition], Awaitable[None]]]:
    """Gives ``until(condition)``: waits for a condition, looked at again whenever the queue says that it changed."""
    connection = await asyncpg.connect(database.url)
    changed = asyncio.Event()
    await connection.add_listener(channel, lambda *_: changed.set())

    async def until(condition: Condition) -> None:
        async with asyncio.timeout(patience):
            while not await condition(connection):
                await changed.wait()
                changed.clear()

    try:
        yield until
    finally:
        await connection.close()


async def holds(condition: Callable[[], Awaitable[object]], patience: float = PATIENCE) -> None:
    """Wait until a condition holds that nothing signals.

    It is looked at again after a moment: the tests share the processor with what they wait for.
    """
    async with asyncio.timeout(patience):
        while not await condition():
            await sleep(LOOK_AGAIN)


async def blocked(executor: Executor, number: int = 1) -> None:
    """Wait until at least this number wait for a lock."""
    await holds(lambda: executor.fetchval("select count(*) >= $1 from pg_locks where not granted", number))


async def nothing_queued(connection: Connection) -> bool:
    """Whether every job has ended."""
    return bool(await connection.fetchval("select count(*) = 0 from synkron.queue"))
