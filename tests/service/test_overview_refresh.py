"""The copy that the overview is sorted by: it follows every edit, whatever the rows contain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.ledger.migrate import migrate
from synkron.postgres.clock import database_clock
from synkron.reports.overview.cursor import Sort
from synkron.reports.overview.page import page
from synkron.reports.overview.rows import OverviewRow, RowState
from synkron.service.overview import refresh as module
from synkron.service.overview.freshness import Freshness
from synkron.service.overview.refresh import Refreshed, read_due, refresh
from synkron.settings.load import IntegrationsTable, OrganizationsTable, Settings, SourceTables
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization
from tests.support.late_runs import add_attempt, add_run, make_room

pytestmark = pytest.mark.each_server

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
COPY = (
    "select integration_id, org_id, organization, integration_type, is_enabled, cron_schedule, timezone, schedule_id "
)


async def test_it_follows_the_edits(connection: Connection) -> None:
    org_id = await add_organization(connection, "Fjord", "Europe/Oslo")
    ids = [await add_integration(connection, "0 2 * * *", org_id=org_id) for _ in range(4)]
    first = await refresh(connection, Settings())
    assert first is not None
    assert (first.rows, first.written, first.gone, first.measured) == (4, 4, 0, 4)
    again = await refresh(connection, Settings())
    assert again is not None
    assert (again.rows, again.written, again.gone, again.measured) == (4, 0, 0, 0)
    await connection.execute("update organization_integrations set cron_schedule = '5 2 * * *' where id = $1", ids[0])
    await connection.execute("delete from organization_integrations where id = $1", ids[1])
    await connection.execute("update organization_integrations set is_enabled = false where id = $1", ids[2])
    edited = await refresh(connection, Settings())
    assert edited is not None
    assert (edited.rows, edited.written, edited.gone) == (3, 2, 1)
    rows = {row["integration_id"]: row for row in await connection.fetch("select * from synkron.overview_integrations")}
    assert rows.keys() == {ids[0], ids[2], ids[3]}
    assert (rows[ids[0]]["cron_schedule"], rows[ids[2]]["schedule_id"]) == ("5 2 * * *", None)
    schedules = await connection.fetch("select cron_schedule, integrations from synkron.overview_schedules order by 1")
    assert [tuple(row) for row in schedules] == [("0 2 * * *", 1), ("5 2 * * *", 1)]
    await connection.execute("update organizations set name = 'Bakke', timezone = null")
    renamed = await refresh(connection, Settings())
    assert renamed is not None
    assert renamed.written == 3
    found = await page(connection, Settings(), search="bakke")
    assert len(found.rows) == 3
    assert not (await page(connection, Settings(), search="fjord")).rows
    assert await connection.fetchval("select count(*) from synkron.overview_runs") == 3


async def test_the_next_moment_moves_on(connection: Connection) -> None:
    await add_integration(connection, "* * * * *")
    await refresh(connection, Settings())
    await connection.execute("update synkron.overview_schedules set next_key = next_key - 3600")
    now = await database_clock(connection)
    await refresh(connection, Settings())
    assert await connection.fetchval("select next_key from synkron.overview_schedules") > now.timestamp()


async def test_the_figures_follow_the_runs(connection: Connection) -> None:
    """A run that is claimed, runs, fails, is retried by hand and succeeds; each is seen at the next refresh."""
    now = await database_clock(connection)
    await make_room(connection, now)
    one = await add_integration(connection, "0 2 * * *")
    await refresh(connection, Settings())

    async def figures() -> tuple[bool, bool, bool]:
        await refresh(connection, Settings())
        [row] = await connection.fetch("select * from synkron.overview_runs")
        return row["last_key"] < 0, row["failing_key"] < 0, row["is_open"]

    assert await figures() == (False, False, False)
    moment = now.replace(minute=0, second=0, microsecond=0)
    run = await add_run(connection, moment, org_id="o", integration_id=one)
    assert await figures() == (True, False, True)
    change = "update synkron.runs set state = $2, attempt = 1, started_at = $3, finished_at = $4, error = $5 "
    change += "where id = $1"
    await connection.execute(change, run, "running", now, None, None)
    assert await figures() == (True, False, True)
    await connection.execute(change, run, "failed", now, now, "HTTP 500")
    assert await figures() == (True, True, True)
    await connection.execute(change, run, "succeeded", now, now, None)
    assert await figures() == (True, False, False)
    ended = {"state": "failed", "started_at": now, "finished_at": now, "error": "x"}
    cancelled = await add_run(connection, moment + HOUR, org_id="o", integration_id=one, **ended)
    await add_attempt(connection, cancelled, finished_at=now, outcome="cancelled")
    assert await figures() == (True, False, False)


async def test_many_runs_at_once_are_measured_in_parts(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    now = await database_clock(connection)
    await make_room(connection, now)
    ids = [await add_integration(connection, "0 2 * * *") for _ in range(7)]
    await refresh(connection, Settings())
    for one in ids:
        await add_run(
            connection,
            now.replace(minute=0, second=0, microsecond=0),
            org_id="o",
            integration_id=one,
            state="succeeded",
            started_at=now,
            finished_at=now,
        )
    monkeypatch.setattr(module, "MOST_MEASURED", 3)
    more = [await add_integration(connection, "0 3 * * *") for _ in range(7)]
    done = await refresh(connection, Settings())
    assert done is not None
    assert done.measured >= 14
    assert await connection.fetchval("select count(*) from synkron.overview_runs where last_key < 0") == len(ids)
    never = "select count(*) from synkron.overview_runs where measured_at is null"
    assert await connection.fetchval(never) == 0
    # As many are open as are measured at a time: they are measured in turn, a part at each refresh.
    await connection.execute("update synkron.overview_runs set is_open = true")
    done = await refresh(connection, Settings())
    assert done is not None
    assert done.measured < len(ids) + len(more)


async def test_only_one_refreshes_at_a_time(database: Database, connection: Connection) -> None:
    other = await asyncpg.connect(database.url)
    transaction = other.transaction()
    await transaction.start()
    await other.fetchval("select pg_advisory_xact_lock(hashtext('synkron.overview'))")
    assert await refresh(connection, Settings()) is None
    await transaction.rollback()
    assert await refresh(connection, Settings()) is not None
    await other.close()


async def test_when_it_is_due(connection: Connection) -> None:
    assert await read_due(connection, Settings()) == module.Due(is_due=True, is_quick=True, at=None)
    await refresh(connection, Settings())
    noted = "update synkron.overview_refreshes set at = now() - $1::interval, took = $2"
    for at, took, is_due, is_quick in [
        (SECOND / 2, SECOND / 1000, False, True),
        (2 * SECOND, SECOND / 1000, True, True),
        (19 * SECOND, SECOND, False, False),
        (21 * SECOND, SECOND, True, False),
    ]:
        await connection.execute(noted, at, took)
        due = await read_due(connection, Settings())
        assert (due.is_due, due.is_quick) == (is_due, is_quick)
        assert due.at is not None


@pytest.mark.parametrize("kind", ["bigint", "text", "uuid"])
async def test_rows_of_any_kind(bare_database: Database, kind: str) -> None:
    """Ids of any type, twice, null, or too long; names, types and schedules of anything; no row makes it fail."""
    connection = await asyncpg.connect(bare_database.url)
    await migrate(connection)
    await connection.execute(f"""
        create table public.orgs (id {kind}, name text, timezone text);
        create table public.links (
            id {kind}, org {kind}, integration_type text, is_enabled boolean, cron_schedule text
        );
    """)
    value = {"bigint": "{}", "text": "'x{}'", "uuid": "'00000000-0000-0000-0000-00000000000{}'"}[kind]
    one, two, three = (value.format(n) for n in (1, 2, 3))
    long = "repeat('å', 500)"
    await connection.execute(f"""
        insert into public.orgs values ({one}, E'<script>\\x07\\u202e', 'Europe/Oslo'), ({two}, null, {long}),
            ({two}, '', null);
        insert into public.links values
            ({one}, {one}, 'xledger', true, '0 2 * * *'), ({two}, {one}, 'xledger', true, '0 3 * * *'),
            ({two}, {one}, 'xledger', true, '0 3 * * *'), (null, {one}, 'xledger', true, '0 2 * * *'),
            (null, null, null, null, null), ({three}, {two}, {long}, true, {long}), (null, {three}, '', true, '');
    """)
    settings = Settings(
        source=SourceTables(
            organizations=OrganizationsTable(table="orgs"), integrations=IntegrationsTable(table="links", org_id="org")
        )
    )
    for _ in range(2):
        done = await refresh(connection, settings)
        assert done is not None
        assert done.rows == 7
    assert done == Refreshed(rows=7, written=0, gone=0, measured=0)
    for sort in Sort:
        shown: list[OverviewRow] = []
        after = None
        while True:
            found = await page(connection, settings, sort=sort, after=after, limit=2)
            shown += found.rows
            after = found.next
            if after is None:
                break
        assert len(shown) == 7
        assert sum(row.next_fire is not None for row in shown) == 1
        invalid = await page(connection, settings, state=RowState.INVALID, sort=sort)
        assert len(invalid.rows) == 5
        assert all(row.fault for row in invalid.rows)
    await connection.close()


async def test_a_page_waits_for_a_quick_refresh_and_not_for_a_long_one(
    database: Database, connection: Connection
) -> None:
    refreshed = asyncio.Event()

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        own = await asyncpg.connect(database.url)
        yield own
        await own.close()
        refreshed.set()

    count = "select count(*) from synkron.overview_integrations"
    age = "update synkron.overview_refreshes set at = now() - interval '1 year', took = $1"
    freshness = Freshness(connect, Settings())
    await add_integration(connection, "0 2 * * *")
    await freshness.ensure(connection)
    assert await connection.fetchval(count) == 1
    await connection.execute("update synkron.overview_refreshes set at = now()")
    await add_integration(connection, "0 2 * * *")
    await freshness.ensure(connection)
    assert await connection.fetchval(count) == 1
    await connection.execute(age, HOUR)
    refreshed.clear()
    await freshness.ensure(connection)
    await freshness.ensure(connection)
    assert not refreshed.is_set()
    await asyncio.wait_for(refreshed.wait(), 30)
    assert await connection.fetchval(count) == 2
    await freshness.close()


async def test_a_refresh_beside_that_fails_is_told_and_tried_again(connection: Connection) -> None:
    tried = 0

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        nonlocal tried
        tried += 1
        raise OSError("no route to host")
        yield connection

    freshness = Freshness(connect, Settings())
    await refresh(connection, Settings())
    await connection.execute("update synkron.overview_refreshes set at = now() - interval '1 year', took = '1 hour'")
    with capture_logs() as lines:
        for number in (1, 2):
            await freshness.ensure(connection)
            assert freshness._beside is not None
            await freshness._beside
            assert tried == number
    assert [line["reason"] for line in lines] == ["no route to host"] * 2
