"""Who a ledger is, and what becomes of one that wakes up elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from synkron.embedded import EmbeddedServer
from synkron.errors import NotAtHome, Refused
from synkron.installation import at_home, read_ids, read_installation
from synkron.migrate import create_source_tables, migrate
from synkron.scheduler import tick
from synkron.settings import Settings, SourceTables
from tests.conftest import Connection, Database
from tests.integration.fleet import add_integration, utc

MOMENT = "2026-03-02T02:00:00"


@asynccontextmanager
async def copied(server: EmbeddedServer, database: Database) -> AsyncIterator[Connection]:
    """A copy of the test's database in the same server, which nobody may be connected to."""
    name = f"{database.name}_copy"
    admin = await asyncpg.connect(server.url(database="postgres", user="postgres"))
    await admin.execute(f"create database {name} template {database.name} owner synkron")
    copy = await asyncpg.connect(server.url(database=name))
    try:
        yield copy
    finally:
        await copy.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def claim(connection: Connection, moment: str = MOMENT) -> list[tuple[str, str]]:
    """Tick as of the moment; answers the integrations of the runs with their keys."""
    await tick(connection, Settings(), scheduler="test", at=utc(moment))
    rows = await connection.fetch("select integration_id, key from synkron.runs order by id")
    return [tuple(row) for row in rows]


async def test_a_ledger_that_was_migrated_is_at_home(connection: Connection) -> None:
    found = await at_home(connection, Settings())
    assert found.is_noted
    assert found.stood == found.stands
    assert await read_ids(connection) == [found.id]


async def test_two_databases_with_the_same_rows_send_different_keys(
    database: Database, bare_database: Database
) -> None:
    other = await asyncpg.connect(bare_database.url)
    await migrate(other)
    await create_source_tables(other, SourceTables())
    one = await asyncpg.connect(database.url)
    keys = []
    for connection in (one, other):
        await add_integration(connection, "0 2 * * *")
        await connection.execute("alter table organization_integrations alter id type text using '1'")
        keys += await claim(connection)
        await connection.close()
    (first, second) = keys
    assert first[0] == second[0] == "1"
    assert first[1] != second[1]


async def test_a_copy_fires_nothing(server: EmbeddedServer, database: Database) -> None:
    original = await asyncpg.connect(database.url)
    await add_integration(original, "0 2 * * *")
    await original.close()
    async with copied(server, database) as copy:
        with pytest.raises(NotAtHome, match=r"`synkron adopt --as original`.*`synkron adopt --as copy`"):
            await claim(copy)
        assert await copy.fetchval("select count(*) from synkron.runs") == 0
        assert not (await read_installation(copy)).is_at_home
    original = await asyncpg.connect(database.url)
    assert len(await claim(original)) == 1
    await original.close()


@pytest.mark.parametrize(
    ("settings", "ledger", "says"),
    [
        ("prod", None, "migrate --installation prod"),
        ("prod", "staging", 'is "staging"'),
        ("prod", "Prod", 'is "Prod"'),
        (None, "prod", None),
        ("prod", "prod", None),
        (None, None, None),
    ],
)
async def test_settings_of_another_installation_fire_nothing(
    connection: Connection, settings: str | None, ledger: str | None, says: str | None
) -> None:
    await connection.execute("update synkron.installations set name = $1", ledger)
    ticking = tick(connection, Settings(installation=settings), scheduler="test", at=utc(MOMENT))
    if says is None:
        await ticking
    else:
        with pytest.raises(Refused, match=says):
            await ticking
