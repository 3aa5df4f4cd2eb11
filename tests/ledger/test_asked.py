"""`synkron migrate` does all that it is asked for, or nothing."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from synkron.errors import SynkronError
from synkron.ledger.asked import check_asked
from synkron.ledger.migrate import migrate
from synkron.settings.load import SourceTables
from tests.support.databases import Database

NOTHING: dict[str, Any] = {"grant_to": None, "installation": None, "source_tables": False, "indexes": False}
HERE = SourceTables()
ELSEWHERE = SourceTables(schema="nowhere")

# What is asked for by the role anon, which may create nothing, or by the owner of everything; and the refusal.
REFUSED: dict[str, tuple[str, SourceTables, dict[str, Any], str]] = {
    "a role that is not there": ("postgres", HERE, {"grant_to": "nobody"}, 'The role "nobody" does not exist'),
    "by a role that may not make a schema": ("anon", HERE, {}, "Run `synkron migrate` as the database's owner"),
    "tables in no schema": ("postgres", ELSEWHERE, {"source_tables": True}, "there is no schema nowhere"),
    "an index of no table": ("postgres", ELSEWHERE, {"indexes": True}, 'no table "nowhere"."organizations"'),
}


@pytest.mark.parametrize(("role", "source", "asked", "said"), REFUSED.values(), ids=REFUSED)
async def test_a_part_that_can_not_be_done_is_refused_first(
    bare_database: Database, role: str, source: SourceTables, asked: dict[str, Any], said: str
) -> None:
    connection = await asyncpg.connect(bare_database.superuser_url)
    await connection.execute(f"set role {role}")
    with pytest.raises(SynkronError, match=said):
        await check_asked(connection, source, **NOTHING | asked)
    assert not await connection.fetchval("select to_regnamespace('synkron') is not null")
    await connection.close()


async def test_another_name_for_the_ledger_is_refused_first(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await check_asked(connection, HERE, **NOTHING | {"installation": "prod", "source_tables": True, "indexes": True})
    await migrate(connection, installation="prod")
    await check_asked(connection, HERE, **NOTHING | {"installation": "prod"})
    with pytest.raises(SynkronError, match="adopt --as copy --installation staging"):
        await check_asked(connection, HERE, **NOTHING | {"installation": "staging"})
    await connection.close()


@pytest.mark.own_database
async def test_only_the_owner_of_a_table_may_index_it(database: Database) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute(
        "alter schema synkron owner to service_role; grant usage, create on schema public to service_role;"
        "grant all on all tables in schema synkron, public to service_role; set role service_role"
    )
    await check_asked(connection, HERE, **NOTHING | {"source_tables": True})
    with pytest.raises(SynkronError, match="Only the owner of organization_integrations and organizations"):
        await check_asked(connection, HERE, **NOTHING | {"indexes": True})
    await connection.close()
