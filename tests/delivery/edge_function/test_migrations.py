"""The example's migrations and configuration, as a Supabase user applies them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from synkron.ledger.migrate import create_source_tables
from synkron.settings.load import SourceTables
from tests.conftest import Connection
from tests.delivery.edge_function.project import EXAMPLE
from tests.support.databases import Database

MIGRATIONS = sorted((EXAMPLE / "migrations").iterdir())
TABLES = ("organizations", "organization_integrations", "synced_runs")
COLUMNS = """
    select table_name, column_name, data_type, is_nullable, column_default
    from information_schema.columns
    where table_schema = 'public' and table_name <> 'synced_runs'
    order by table_name, ordinal_position
"""


@pytest.fixture
async def owner(bare_database: Database) -> AsyncIterator[Connection]:
    """The role that migrates, as Supabase's `postgres` does."""
    connection = await asyncpg.connect(bare_database.superuser_url)
    for migration in MIGRATIONS:
        await connection.execute(migration.read_text("utf-8"))
    yield connection
    await connection.close()


def test_their_names_are_what_the_supabase_cli_takes() -> None:
    assert len(MIGRATIONS) == 2
    assert all(re.fullmatch(r"[0-9]{14}_[a-z_]+\.sql", path.name) for path in MIGRATIONS)


async def test_the_tables_are_those_that_synkron_would_make(owner: Connection) -> None:
    made = [tuple(row) for row in await owner.fetch(COLUMNS)]
    await owner.execute("drop table organization_integrations, organizations")
    await create_source_tables(owner, SourceTables())
    assert made == [tuple(row) for row in await owner.fetch(COLUMNS)]


@pytest.mark.parametrize("table", TABLES)
async def test_the_service_role_and_nobody_else_reads_and_writes_them(owner: Connection, table: str) -> None:
    for right in ("select", "insert", "update", "delete"):
        for role, has in (("service_role", True), ("anon", False), ("authenticated", False)):
            assert await owner.fetchval("select has_table_privilege($1, $2, $3)", role, table, right) is has
    assert await owner.fetchval("select relrowsecurity from pg_class where oid = $1::regclass", table)


def test_the_platform_leaves_the_key_to_the_function() -> None:
    configured = tomllib.loads((EXAMPLE / "config.toml").read_text("utf-8"))
    assert configured["functions"] == {"sync": {"verify_jwt": False}}
    assert (EXAMPLE / "functions/sync/index.ts").is_file()
