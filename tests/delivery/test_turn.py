"""What a worker looks at before it starts a run."""

from __future__ import annotations

import asyncpg
import pytest

from synkron.delivery.turn import read_turns
from synkron.ledger.migrate import migrate
from synkron.ledger.queue import enqueue
from synkron.postgres.connection import Pool
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, SourceTables
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc
from tests.support.working import QUICK, Recorder, claim, deliver


async def test_there_is_no_such_run(connection: Connection) -> None:
    source = SourceQueries(SourceTables())
    assert await read_turns(connection, source, [4711], Settings()) == [None]


async def test_a_run_that_is_asked_for_twice_at_once_is_a_run_like_any_other(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """Two jobs of one run may come to a worker together; its row stands once all the same."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    source = SourceQueries(SourceTables())
    first, second = await read_turns(connection, source, [run_id, run_id], QUICK)
    assert first is not None
    assert first.live is not None
    assert first.live.oddity is None
    assert second == first
    await enqueue(
        connection, await connection.fetch("select id, integration_type, interval '0' as wait from synkron.runs")
    )
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert (run.state, run.attempt, len(target.calls)) == ("succeeded", 1, 1)


async def test_columns_that_refuse_null_are_no_concern(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute("""
        create domain label as text not null;
        create domain number as bigint;
        create table organizations (id number primary key, name label, timezone text);
        create table organization_integrations (id number primary key, org_id number, integration_type label,
            is_enabled boolean, cron_schedule text, note label);
        insert into organizations values (7, 'Fjord', null);
        insert into organization_integrations values (9, 7, 'xledger', true, '0 2 * * *', 'x');
    """)
    await migrate(connection)
    done = await tick(connection, Settings(), scheduler="test", at=utc("2026-03-02T02:00:00"))
    source = SourceQueries(SourceTables())
    (turn,) = await read_turns(connection, source, done.run_ids, Settings())
    assert turn is not None
    assert turn.live is not None
    assert turn.live.integration_id == "9"
    await connection.close()


@pytest.mark.own_database
async def test_the_plan_goes_through_the_primary_keys(connection: Connection) -> None:
    await connection.execute("""
        insert into organizations (name) select 'o' || n from generate_series(1, 2000) n;
        insert into organization_integrations (org_id, integration_type, cron_schedule)
            select id, 'xledger', '0 3 * * *' from organizations, generate_series(1, 5);
    """)
    await add_integration(connection, "0 2 * * *")
    await connection.execute("analyze organizations, organization_integrations")
    done = await tick(connection, Settings(), scheduler="test", at=utc("2026-03-02T02:00:00"))
    source = SourceQueries(SourceTables())
    lines = await connection.fetch("explain (costs off) " + source.sql("delivery/turn")["turn"], done.run_ids)
    plan = "\n".join(line[0] for line in lines)
    assert "Index Scan using organization_integrations_pkey" in plan
    assert "Index Scan using organizations_pkey" in plan
    assert "Seq Scan on organization" not in plan
