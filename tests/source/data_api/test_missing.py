"""Which table, column, key or schema a Data API does not have is named, with what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from synkron import read_due_integrations
from synkron.errors import SourceTableMissing
from synkron.settings.sections import IntegrationsTable, OrganizationsTable, SourceTables
from tests.source.sources import OVER_HTTP
from tests.support.databases import Database
from tests.support.postgrest import StandIn

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("edit", "tables", "says"),
    [
        pytest.param("drop table organization_integrations", SourceTables(), "PGRST205.*name yours", id="no table"),
        pytest.param(
            "select",
            SourceTables(integrations=IntegrationsTable(cron_schedule="cron")),
            "42703.*cron does not exist.*name yours",
            id="no column",
        ),
        pytest.param(
            "select",
            SourceTables(organizations=OrganizationsTable(timezone="zone")),
            "zone does not exist.*name yours",
            id="no column of the organization",
        ),
        pytest.param(
            "alter table organization_integrations drop constraint organization_integrations_org_id_fkey",
            SourceTables(),
            r"PGRST200.*foreign key from public\.organization_integrations\.org_id .*reload schema",
            id="no foreign key",
        ),
        pytest.param("select", SourceTables(schema="private"), "PGRST106.*Add private to the exposed", id="no schema"),
        pytest.param(
            "drop index synkron_due_expressions; alter table organization_integrations alter is_enabled drop default, "
            "alter is_enabled type int using is_enabled::int",
            SourceTables(),
            "42804.*is_enabled is boolean",
            id="not a boolean",
        ),
    ],
)
async def test_what_is_missing_is_named(
    edit: str, tables: SourceTables, says: str, database: Database, stand_in: StandIn
) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute(edit)
    await connection.close()
    for opened in OVER_HTTP.values():
        async with opened(database, stand_in) as source:
            with pytest.raises(SourceTableMissing, match=says):
                await read_due_integrations(AT, source, tables=tables)
