"""The reader on the real database: the right subset, one statement, the pinned plan, and what it refuses."""

from __future__ import annotations

import re

import asyncpg
import pytest
import structlog

from synkron import read_due_integrations
from synkron.errors import SourceTableMissing
from synkron.model import Window
from synkron.postgres.statements import source_statements
from synkron.settings.load import IntegrationsTable, OrganizationsTable, SourceTables
from synkron.source import due
from synkron.source.due import window_around
from synkron.source.parsed_texts import ParsedTexts
from synkron.source.queries import SourceQueries
from synkron.source.reader import read_all
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, utc

pytestmark = pytest.mark.each_server

SOURCE = SourceTables()


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> ParsedTexts:
    """Every test begins with an empty memo, as a new process does."""
    known = ParsedTexts()
    monkeypatch.setattr(due, "KNOWN", known)
    monkeypatch.setattr("synkron.source.reader.KNOWN", known)
    return known


async def due_at(connection: Connection, at: str) -> list[str]:
    """The ids that are due: asked three times, with an empty memo and then with what it has learnt."""
    answers = [[one.integration_id for one in await read_due_integrations(utc(at), connection)] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


# requirement R1, R14
async def test_the_right_subset_at_known_instants(connection: Connection) -> None:
    fjord = await add_organization(connection, "Fjord")
    bakke = await add_organization(connection, "Bakke", "Europe/Oslo")
    nightly = await add_integration(connection, "0 2 * * *", org_id=fjord)
    nightly_in_oslo = await add_integration(connection, "0 2 * * *", "dynamics", org_id=bakke)
    month_end = await add_integration(connection, "0 2 31 * *", "bufdir", org_id=fjord)
    quarterly = await add_integration(connection, "*/15 * * * *", org_id=bakke)
    await add_integration(connection, "* * * * *", enabled=False, org_id=bakke)
    await add_integration(connection, None, org_id=bakke)
    assert set(await due_at(connection, "2026-11-30T02:00:00")) == {nightly, quarterly}
    assert set(await due_at(connection, "2026-11-30T01:00:00")) == {nightly_in_oslo, quarterly}
    assert set(await due_at(connection, "2026-12-31T02:00:00")) == {nightly, quarterly, month_end}
    assert await due_at(connection, "2026-11-30T02:01:00") == []
    assert set(await due_at(connection, "2026-11-30T01:59:31")) == {nightly, quarterly}


# requirement R6
@pytest.mark.parametrize(
    ("zone", "schedule", "fires", "does_not_fire"),
    [
        pytest.param("Europe/Oslo", "30 2 * * *", ["2026-03-29T01:00:00"], ["2026-03-29T00:30:00"], id="gap"),
        pytest.param("Europe/Oslo", "30 2 * * *", ["2026-10-25T00:30:00"], ["2026-10-25T01:30:00"], id="overlap"),
        pytest.param(
            "Europe/Oslo",
            "*/30 * * * *",
            ["2026-10-25T00:30:00", "2026-10-25T01:30:00"],
            ["2026-10-25T00:31:00"],
            id="overlap, wildcard",
        ),
        pytest.param("Asia/Kathmandu", "0 2 * * *", ["2026-03-01T20:15:00"], ["2026-03-02T02:00:00"], id="+05:45"),
        pytest.param("+02:00", "0 2 * * *", ["2026-03-02T00:00:00"], ["2026-03-02T02:00:00"], id="offset text"),
        pytest.param("", "0 2 * * *", ["2026-03-02T02:00:00"], ["2026-03-02T01:00:00"], id="empty is UTC"),
    ],
)
async def test_zones(
    connection: Connection, zone: str, schedule: str, fires: list[str], does_not_fire: list[str]
) -> None:
    one = await add_integration(connection, schedule, org_id=await add_organization(connection, "Fjord", zone))
    assert [await due_at(connection, at) for at in fires] == [[one] for _ in fires]
    assert [await due_at(connection, at) for at in does_not_fire] == [[] for _ in does_not_fire]


# requirement R5
async def test_a_new_zone_and_a_new_schedule_count_at_once(connection: Connection) -> None:
    """What was learnt before must not hide what was not: known expressions in new zones, and the other way round."""
    fjord = await add_organization(connection, "Fjord")
    nightly = await add_integration(connection, "0 2 * * *", org_id=fjord)
    assert await due_at(connection, "2026-03-02T02:00:00") == [nightly]
    bakke = await add_organization(connection, "Bakke", "Asia/Kathmandu")
    elsewhere = await add_integration(connection, "0 2 * * *", org_id=bakke)
    assert await due_at(connection, "2026-03-01T20:15:00") == [elsewhere]
    new = await add_integration(connection, "30 4 * * *", org_id=bakke)
    assert await due_at(connection, "2026-03-01T22:45:00") == [new]


@pytest.mark.parametrize("indexed", [True, False])
async def test_what_is_new_is_found_wherever_it_sorts(connection: Connection, indexed: bool) -> None:
    """Before all that is known, between, and after it; in the order of bytes, whatever the column's."""
    if not indexed:
        await connection.execute("drop index synkron_due_expressions, synkron_due_timezones")
    fjord = await add_organization(connection, "Fjord", "Europe/Oslo")
    known = [await add_integration(connection, text, org_id=fjord) for text in ("0 2 * * *", "0 2 * * 1", "5 3 * * *")]
    assert await due_at(connection, "2026-03-02T01:00:00") == sorted(known[:2])
    for text in ("  0 2 * * 1", "*/30 2 * * *", "0 2 * * 1-3", "0 2 * * mon", "0 2 * * Mon", "00 02 * * *"):
        known.append(await add_integration(connection, text, org_id=fjord))
        assert set(await due_at(connection, "2026-03-02T01:00:00")) == {*known} - {known[2]}
    for zone in ("+01:00", "Africa/Lagos", "Europe/Paris", "UTC+1"):
        there = await add_organization(connection, zone, zone)
        known.append(await add_integration(connection, "0 2 * * *", org_id=there))
        assert set(await due_at(connection, "2026-03-02T01:00:00")) == {*known} - {known[2]}
    for text in ("", "zzz", "\U0010ffff\U0010ffff"):
        faulty = await add_integration(connection, text, org_id=fjord)
        for _ in range(2):
            with structlog.testing.capture_logs() as logs:
                await due_at(connection, "2026-03-02T01:00:00")
            assert faulty in {entry["integration_id"] for entry in logs}


# requirement R5
async def test_a_plain_sql_edit_counts_at_the_next_read(connection: Connection) -> None:
    """R5: schedule, switch and zone."""
    fjord = await add_organization(connection, "Fjord")
    one = await add_integration(connection, "0 2 * * *", org_id=fjord)
    at = "2026-03-02T02:00:00"
    for edit, expected in [
        ("update organization_integrations set cron_schedule = '0 3 * * *'", []),
        ("update organization_integrations set cron_schedule = '0 2 * * 1'", [one]),
        ("update organization_integrations set is_enabled = false", []),
        ("update organization_integrations set is_enabled = true", [one]),
        ("update organizations set timezone = 'Europe/Oslo'", []),
        ("update organizations set timezone = 'Africa/Accra'", [one]),
        ("delete from organization_integrations", []),
    ]:
        await connection.execute(edit)
        assert await due_at(connection, at) == expected, edit


async def test_a_huge_expression_is_refused_and_not_remembered(
    connection: Connection, nothing_known: ParsedTexts
) -> None:
    good = await add_integration(connection, "0 2 * * *")
    huge = await add_integration(connection, "0 2 * * * " * 10_000)
    for _ in range(3):
        with structlog.testing.capture_logs() as logs:
            found = await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
        assert [one.integration_id for one in found] == [good]
        assert [entry["integration_id"] for entry in logs] == [huge]
        assert len(logs[0]["reason"]) < 400
    assert nothing_known.expressions() == ["", "0 2 * * *"]


# requirement R3
async def test_faulty_rows_are_warned_of_at_every_read(connection: Connection) -> None:
    fjord = await add_organization(connection, "Fjord")
    olso = await add_organization(connection, "Bakke", "Europe/Olso")
    good = await add_integration(connection, "0 2 * * *", org_id=fjord)
    faulty = {
        await add_integration(connection, "99 * * * *", org_id=fjord),
        await add_integration(connection, "0 0 2 * * *", org_id=fjord),
        await add_integration(connection, "0 2 * * *", org_id=olso),
        await add_integration(connection, "0 2 * * *", "fiken", org_id=fjord),
    }
    for _ in range(3):
        with structlog.testing.capture_logs() as logs:
            found = await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
        assert [one.integration_id for one in found] == [good]
        assert {entry["integration_id"] for entry in logs} == faulty
        assert len(logs) == len(faulty)


# requirement R4
@pytest.mark.parametrize("id_type", ["bigint", "integer", "text", "uuid"])
async def test_ids_of_any_type(bare_database: Database, id_type: str) -> None:
    ids = {"text": ("a b", "ø"), "uuid": ("8c2ee6d2-6a0c-4c5b-9d53-7fd6b1a4a111",) * 2}.get(id_type, ("7", "9"))
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute(f"""
        create table organizations (id {id_type} primary key, name text, timezone text);
        create table organization_integrations (id {id_type} primary key, org_id {id_type}, integration_type varchar(9),
            is_enabled boolean, cron_schedule varchar(80));
        insert into organizations values ('{ids[0]}', 'Fjord', null);
        insert into organization_integrations values ('{ids[1]}', '{ids[0]}', 'bufdir', true, '0 2 * * *');
    """)
    for _ in range(2):
        (found,) = await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
        assert (found.org_id, found.integration_id, found.integration_type) == (*ids, "bufdir")
    await connection.close()


# requirement R6
@pytest.mark.parametrize(("kind", "value"), [("integer", "120"), ("numeric(5,1)", "120.0"), ("smallint", "120")])
async def test_a_number_in_a_numeric_column_is_an_offset_in_minutes(
    bare_database: Database, kind: str, value: str
) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute(f"""
        create table organizations (id int primary key, name text, timezone {kind});
        create table organization_integrations (id int primary key, org_id int, integration_type text,
            is_enabled boolean, cron_schedule text);
        insert into organizations values (1, 'Fjord', {value}), (2, 'Bakke', null);
        insert into organization_integrations values (1, 1, 'bufdir', true, '0 2 * * *'),
            (2, 2, 'bufdir', true, '0 2 * * *');
    """)
    assert await due_at(connection, "2026-03-02T00:00:00") == ["1"]
    assert await due_at(connection, "2026-03-02T02:00:00") == ["2"]
    await connection.close()


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("org_id text, integration_type text, is_enabled boolean, cron_schedule text", "the type of organizations.id"),
        ("org_id int, integration_type text, is_enabled int, cron_schedule text", "is_enabled to be boolean"),
        ("org_id int, integration_type text, is_enabled boolean, cron_schedule int", "cron_schedule to be text"),
    ],
)
async def test_columns_of_types_that_do_not_fit(bare_database: Database, columns: str, says: str) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute(f"""
        create table organizations (id int primary key, name text, timezone text);
        create table organization_integrations (id int primary key, {columns});
    """)
    with pytest.raises(SourceTableMissing, match=says):
        await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
    await connection.close()


async def test_a_zone_column_that_holds_anything(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute("""
        create table organizations (id int primary key, name text, timezone text[]);
        create table organization_integrations (id int primary key, org_id int, integration_type text,
            is_enabled boolean, cron_schedule text);
        insert into organizations values (1, 'Fjord', '{Europe/Oslo}'), (2, 'Bakke', null);
        insert into organization_integrations values (1, 1, 'bufdir', true, '0 2 * * *'),
            (2, 2, 'bufdir', true, '0 2 * * *');
    """)
    with structlog.testing.capture_logs() as logs:
        assert await due_at(connection, "2026-03-02T02:00:00") == ["2"]
    assert {entry["integration_id"] for entry in logs} == {"1"}
    await connection.close()


async def test_names_of_ones_own_and_no_zone_column(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute("""
        create schema "App";
        create table "App"."Tenants" (key int primary key);
        create table "App"."order" (id int primary key, tenant int, kind text, "on" boolean, "when" text);
        insert into "App"."Tenants" values (1);
        insert into "App"."order" values (5, 1, 'bufdir', true, '0 2 * * *'), (6, 9, 'bufdir', true, '0 2 * * *');
    """)
    source = SourceTables(
        schema="App",
        organizations=OrganizationsTable(table="Tenants", id="key", timezone=""),
        integrations=IntegrationsTable(
            table="order", org_id="tenant", integration_type="kind", is_enabled="on", cron_schedule="when"
        ),
    )
    for _ in range(2):
        with structlog.testing.capture_logs() as logs:
            found = await read_due_integrations(utc("2026-03-02T02:00:00"), connection, tables=source)
        assert [one.integration_id for one in found] == ["5"]
        assert [entry["integration_id"] for entry in logs] == ["6"]
    assert len(await read_all(connection, source)) == 2
    await connection.close()


# requirement R9
async def test_one_statement_reaches_the_server(connection: Connection) -> None:
    """R9: setting the transaction up aside, one statement, however many organizations there are.

    A process that knows nothing asks once, before, which expressions and zones there are.
    """
    for number in range(30):
        await add_integration(connection, f"{number} 2 * * *")
    statements: list[str] = []
    connection.add_query_logger(lambda query: statements.append(query.query))
    await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
    await read_due_integrations(utc("2026-03-02T02:07:00"), connection)
    secured = source_statements("source/queries", SOURCE)["secure"]
    asked = [text for text in statements if not text.lower().startswith(("begin", "commit")) and text != secured]
    sql = source_statements("source/reader", SOURCE)
    assert asked == [sql["learn"], sql["due"], sql["due"]]
    assert sql["due"].lower().count(" join ") == 1


# requirement R9
async def test_the_plan_uses_the_indexes_and_reads_few_rows(connection: Connection, nothing_known: ParsedTexts) -> None:
    """Of 20,000 rows 14 are due; what is new is looked for with one descent for each known expression and zone."""
    await _twenty_thousand(connection)
    plan = await _explain(connection, nothing_known, window_around(utc("2026-03-02T02:00:00")))
    assert re.search(r"Bitmap Index Scan on synkron_due_expressions \(actual rows=14\b", plan)
    assert re.search(
        r"using synkron_due_expressions on organization_integrations n \(actual rows=0(\.00)? loops=1441\)", plan
    )
    assert re.search(r"using synkron_due_timezones on organizations z \(actual rows=0(\.00)? loops=1\)", plan)
    for scan in ("organization_integrations s", "organization_integrations b", "organizations z_1"):
        assert f"on {scan} (never executed)" in plan
    assert "Gather" not in plan
    assert len(await read_due_integrations(utc("2026-03-02T02:00:00"), connection)) == 14


async def test_without_the_indexes_one_scan_of_each_table_does(
    connection: Connection, nothing_known: ParsedTexts
) -> None:
    await _twenty_thousand(connection)
    await connection.execute("drop index synkron_due_expressions, synkron_due_timezones")
    plan = await _explain(connection, nothing_known, window_around(utc("2026-03-02T02:00:00")))
    scans = {line.strip(" ->") for line in plan.splitlines() if "Seq Scan" in line and "never executed" not in line}
    assert {re.sub(r" \(.*", "", scan) for scan in scans} == {
        "Seq Scan on organization_integrations s",
        "Seq Scan on organizations z_1",
        "Seq Scan on organizations t",
    }
    assert len(await read_due_integrations(utc("2026-03-02T02:00:00"), connection)) == 14


async def test_an_index_of_another_table_is_no_index(connection: Connection) -> None:
    """The settings may name another table than the one whose index has the name."""
    await add_integration(connection, "0 2 * * *")
    await connection.execute("""
        create table public.others as table organization_integrations;
        update public.others set cron_schedule = '30 2 * * *';
    """)
    source = SourceTables(integrations=IntegrationsTable(table="others"))
    for moment, count in (("2026-03-02T02:00:00", 0), ("2026-03-02T02:30:00", 1)):
        assert len(await read_due_integrations(utc(moment), connection, tables=source)) == count


async def _twenty_thousand(connection: Connection) -> None:
    """20,000 rows of 1,000 organizations with 1,440 schedules, of which one fires at 02:00."""
    await connection.execute("""
        insert into organizations (name) select 'o' || n from generate_series(1, 1000) n;
        insert into organization_integrations (org_id, integration_type, cron_schedule)
            select id, 'xledger', (n * 53 + row) % 60 || ' ' || (n * 7 + row / 60) % 24 || ' * * *'
            from (select id, row_number() over (order by id) as row from organizations) o, generate_series(1, 20) n;
    """)
    await connection.execute("vacuum analyze organization_integrations, organizations")


async def _explain(connection: Connection, known: ParsedTexts, window: Window) -> str:
    """The plan of a warm read."""
    await read_due_integrations(window.end, connection)
    sql = source_statements("source/reader", SOURCE)
    async with connection.transaction():
        await SourceQueries(SOURCE).secure(connection)
        lines = await connection.fetch(
            "explain (analyze, costs off, timing off, summary off, buffers off) " + sql["due"],
            known.expressions_to_read(window),
            known.expressions(),
            known.zones(),
        )
    return "\n".join(line[0] for line in lines)


async def test_nothing_of_synkron_s_own_is_needed(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    with pytest.raises(SourceTableMissing, match=r"organization_integrations.*--with-source-tables"):
        await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
    await connection.execute("""
        create table organizations (id int primary key, name text, timezone text);
        create table organization_integrations (id int, org_id int, integration_type text, is_enabled boolean,
            cron_schedule text);
    """)
    assert await read_due_integrations(utc("2026-03-02T02:00:00"), connection) == []
    await connection.execute("alter table organizations drop column timezone")
    with pytest.raises(SourceTableMissing, match="timezone"):
        await read_due_integrations(utc("2026-03-02T02:00:00"), connection)
    await connection.close()
