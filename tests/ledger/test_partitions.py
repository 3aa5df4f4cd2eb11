"""Partitions are made long before they are needed; whoever holds a lock on the ledger's tables holds up no tick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from synkron.ledger import retention
from synkron.postgres.clock import database_clock
from synkron.scheduler.tick import tick
from tests.conftest import Connection
from tests.ledger.test_claims import months_of
from tests.support.databases import Database
from tests.support.fleet import PATIENCE, add_integration, blocked
from tests.support.working import QUICK

pytestmark = pytest.mark.each_server

# What others do to the ledger's tables for long, within one transaction.
DOES = [
    "analyze synkron.runs, synkron.attempts",
    "lock table synkron.runs, synkron.attempts in share update exclusive mode",
    "lock table only synkron.runs, only synkron.attempts in share update exclusive mode",
    "lock table synkron.runs, synkron.attempts in access share mode",
    "select count(*) from synkron.runs, synkron.attempts",
    "lock table synkron.runs, synkron.attempts in row exclusive mode",
]


@asynccontextmanager
async def doing(database: Database, what: str) -> AsyncIterator[None]:
    """Somebody else does this in a transaction that stays open."""
    other = await asyncpg.connect(database.superuser_url)
    async with other.transaction():
        await other.execute(what)
        yield
    await other.close()


@pytest.mark.parametrize("what", DOES)
async def test_a_tick_that_needs_no_new_partition_waits_for_nobody(
    database: Database, connection: Connection, what: str
) -> None:
    await add_integration(connection, "* * * * *")
    clock = await database_clock(connection)
    await retention.keep_partitions(connection, clock, clock, timedelta(days=400))
    before = await months_of(connection)
    await connection.execute("set lock_timeout = '5s'")
    async with doing(database, what):
        assert (await tick(connection, QUICK, scheduler="test")).claimed == 1
    assert await months_of(connection) == before


@pytest.mark.usefixtures("no_partitions")
async def test_a_tick_that_needs_one_waits_and_makes_it(database: Database, connection: Connection) -> None:
    await add_integration(connection, "* * * * *")
    async with doing(database, DOES[0]):
        ticking = asyncio.create_task(tick(connection, QUICK, scheduler="test"))
        other = await asyncpg.connect(database.url)
        await blocked(other)
        await other.close()
        assert not ticking.done()
    assert (await asyncio.wait_for(ticking, PATIENCE)).claimed == 1


@pytest.mark.usefixtures("no_partitions")
async def test_two_months_are_made_ahead_unless_somebody_holds_a_lock(
    database: Database, connection: Connection
) -> None:
    """Who does is waited for briefly, and the session's own limit stays."""
    await connection.execute("set lock_timeout = '10s'")
    async with doing(database, DOES[0]):
        assert not await retention.make_partitions_ahead(connection)
    assert await months_of(connection) == []
    assert await retention.make_partitions_ahead(connection)
    made = await months_of(connection)
    assert len(made) in (3, 4)
    async with doing(database, DOES[0]):
        assert await retention.make_partitions_ahead(connection)
    assert await months_of(connection) == made
    assert await connection.fetchval("show lock_timeout") == "10s"
