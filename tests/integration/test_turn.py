"""What a worker looks at before it starts a run."""

from __future__ import annotations

from synkron.scheduler import tick
from synkron.settings import Settings, SourceTables
from synkron.sql import source_statements
from synkron.turn import read_turn
from tests.conftest import Connection
from tests.integration.fleet import add_integration, utc


async def test_there_is_no_such_run(connection: Connection) -> None:
    assert await read_turn(connection, 4711, SourceTables()) is None


async def test_the_plan_goes_through_the_primary_keys(connection: Connection) -> None:
    await connection.execute("""
        insert into organizations (name) select 'o' || n from generate_series(1, 2000) n;
        insert into organization_integrations (org_id, integration_type, cron_schedule)
            select id, 'xledger', '0 3 * * *' from organizations, generate_series(1, 5);
    """)
    await add_integration(connection, "0 2 * * *")
    await connection.execute("analyze organizations, organization_integrations")
    done = await tick(connection, Settings(), scheduler="test", at=utc("2026-03-02T02:00:00"))
    statement = source_statements("turn", SourceTables())["turn"]
    lines = await connection.fetch("explain (costs off) " + statement, done.run_ids[0])
    plan = "\n".join(line[0] for line in lines)
    assert "Index Scan using organization_integrations_pkey" in plan
    assert "Index Scan using organizations_pkey" in plan
    assert "Seq Scan on organization" not in plan
