"""Whether a process is alive, and whether it can serve: what is missing is named, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from synkron.postgres.connection import connected
from synkron.service.api.readiness import REMEDIES
from tests.support.api import Api, serving
from tests.support.databases import Database

pytestmark = pytest.mark.own_database

# What takes something away, and what is missing then.
TAKEN = {
    "drop schema synkron cascade": ["ledger"],
    "delete from synkron.migrations where name like '0010%'": ["ledger"],
    "drop table organization_integrations": ["source tables"],
    "alter table organization_integrations drop column cron_schedule": ["source tables"],
    "revoke all on organization_integrations from public, synkron": ["role"],
    "update synkron.installations set database_name = 'elsewhere', database_oid = 1": ["home"],
    "drop table organization_integrations; drop schema synkron cascade": ["ledger", "source tables"],
}


@pytest.fixture
async def anybody(database: Database) -> AsyncIterator[Api]:
    """Whoever asks without a token."""
    async with serving(database) as there:
        yield there


async def test_it_is_alive_and_ready(anybody: Api) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = await anybody.get(path)
        assert (answer.status, answer.content) == (200, {"status": status})


@pytest.mark.parametrize("statement", TAKEN)
async def test_what_is_missing_is_named(statement: str, database: Database) -> None:
    async with connected(database.superuser_url) as owner:
        await owner.execute(statement)
    async with serving(database) as anybody:
        answer = await anybody.get("/readyz")
        assert (answer.status, answer.content["missing"]) == (503, TAKEN[statement])
        assert answer.content["detail"] == "; ".join(REMEDIES[one] for one in TAKEN[statement])
        assert database.name not in answer.text
        assert (await anybody.get("/healthz")).status == 200


async def test_a_database_that_is_away_is_named(database: Database) -> None:
    elsewhere = database.superuser_url.replace(f"/{database.name}?", "/postgres?")
    async with serving(database) as anybody, connected(elsewhere) as owner:
        assert (await anybody.get("/readyz")).status == 200
        await owner.execute(f'alter database "{database.name}" with allow_connections false')
        await owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
            database.name,
        )
        async with asyncio.timeout(30):
            while (answer := await anybody.get("/readyz")).status == 200:  # what was known a second ago
                pass
        await owner.execute(f'alter database "{database.name}" with allow_connections true')
    assert answer.content["missing"] == ["database"]
