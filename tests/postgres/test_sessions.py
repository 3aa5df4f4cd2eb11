"""What holds for each session that Synkron opens, whatever the role's or the database's own settings."""

from __future__ import annotations

import asyncpg
import pytest

from synkron.postgres.connection import connected, pooled
from tests.support.databases import Database

pytestmark = pytest.mark.each_server


@pytest.fixture
async def compiling(database: Database) -> Database:
    """A database in which every statement would be compiled."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(
        f"alter database {database.name} set jit = on; alter database {database.name} set jit_above_cost = 0"
    )
    await superuser.close()
    return database


async def test_no_connection_compiles_statements(compiling: Database) -> None:
    async with connected(compiling.url) as connection:
        assert await connection.fetchval("show jit") == "off"


@pytest.mark.parametrize("by_key", [True, False])
async def test_no_pool_compiles_statements_even_when_a_connection_was_given_back(
    compiling: Database, *, by_key: bool
) -> None:
    async with pooled(compiling.url, size=1, by_key=by_key) as pool:
        assert [await pool.fetchval("show jit") for _ in range(2)] == ["off", "off"]
