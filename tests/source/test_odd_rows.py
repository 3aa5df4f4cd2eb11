"""Whatever stands in the application's tables: the row is left out with its reason, and nobody else is touched (G6).

All the odd rows stand in the tables at once, beside rows that are in order: with and without a primary key, with and
without the indexes of the due read, and in a database that takes any bytes for text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta

import asyncpg
import pytest
import structlog

from synkron import read_due_integrations
from synkron.cron.expression import MAX_LENGTH
from synkron.errors import SourceTableMissing
from synkron.incidents.conditions.store import read_conditions
from synkron.ledger.migrate import create_due_indexes, migrate
from synkron.model import Scope, Window
from synkron.operations.scope import read_rows
from synkron.postgres.embedded import EmbeddedServer
from synkron.postgres.statements import source_statements
from synkron.reports.forecast.store import forecast_fleet
from synkron.reports.verify.store import verify
from synkron.reports.why.store import read_facts
from synkron.scheduler.tick import tick
from synkron.settings.load import IntegrationsTable, Settings, SourceTables, TypeSettings
from synkron.source import due
from synkron.source.check import Level, RowFinding, check
from synkron.source.oddity import LONGEST_ID, ODDITIES
from synkron.source.parsed_texts import ParsedTexts
from synkron.source.reader import check_source, read_all, read_names
from synkron.source.upcoming import upcoming
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, nothing_queued, utc, watching
from tests.support.working import MOMENT, Recorder, claim, deliver, working

SOURCE = SourceTables(integrations=IntegrationsTable(updated_at="edited"))
SETTINGS = Settings(source=SOURCE, types={"xledger": TypeSettings(attempts=1)})
AT = utc(MOMENT)

ORGANIZATIONS = "create table organizations (id text {primary}, name text, timezone text)"
INTEGRATIONS = """
    create table organization_integrations (
        id text {primary}, org_id text, integration_type text, is_enabled boolean, cron_schedule text,
        edited timestamptz
    )
"""
HEALTHY = {"a fjord", "m vik", "z ås"}
# 8,000 characters of which no two are alike by more than chance: nothing makes them short.
RANDOM = "(select string_agg(md5(n::text), '') from generate_series(1, 250) n)"


@dataclass(frozen=True)
class Odd:
    """A row, as SQL, with what is said of it. ``keyless``: no primary key would take it."""

    name: str
    says: str
    integration_id: str = "''"
    org_id: str = "'fjord'"
    kind: str = "'xledger'"
    schedule: str = "'0 2 * * *'"
    edited: str = "null"
    organization: str | None = None
    keyless: bool = False
    rows: int = 1

    @property
    def statement(self) -> str:
        """Insert it, with its organization."""
        own = self.integration_id if self.integration_id != "''" else f"'{self.name}'"
        values = f"({own}, {self.org_id}, {self.kind}, true, {self.schedule}, {self.edited})"
        made = f"insert into organization_integrations values {', '.join([values] * self.rows)}"
        return made if self.organization is None else f"insert into organizations values {self.organization}; {made}"


ODD = [
    Odd("id null", ODDITIES["id null"], integration_id="null", keyless=True, rows=2),
    Odd("id long", ODDITIES["id long"], integration_id="repeat('i', 201)"),
    Odd("id very long", ODDITIES["id long"], integration_id=RANDOM, keyless=True),
    Odd("id of many bytes", ODDITIES["id long"], integration_id="repeat('世', 67)"),
    Odd("twice", ODDITIES["id twice"], keyless=True, rows=2),
    Odd("org_id null", ODDITIES["org_id null"], org_id="null"),
    Odd("org_id long", ODDITIES["org_id long"], org_id=RANDOM),
    Odd(
        "org_id long and there",
        ODDITIES["org_id long"],
        org_id="repeat('o', 201)",
        organization="(repeat('o', 201), 'Long', null)",
    ),
    Odd(
        "organization twice",
        ODDITIES["organization twice"],
        org_id="'twice'",
        organization="('twice', 'One', null), ('twice', 'Other', 'Europe/Oslo')",
        schedule="'0 * * * *'",
        keyless=True,
    ),
    Odd("organization gone", "there is no organization gone", org_id="'gone'"),
    Odd("type null", ODDITIES["integration_type null"], kind="null"),
    Odd("type long", "is not a known integration type", kind=RANDOM),
    Odd("type unknown", "is not a known integration type", kind="'fiken'"),
    Odd("schedule long", "at most 512 characters", schedule=RANDOM),
    Odd("schedule huge", "at most 512 characters", schedule="repeat('0 2 * * * ', 100000)"),
    Odd("schedule cut", "at most 512 characters", schedule="'0 2 * * *' || repeat(' ', 504)"),
    Odd(
        "zone long",
        "the organization's timezone",
        org_id="'zone long'",
        organization=f"('zone long', 'Zone', {RANDOM})",
    ),
    Odd(
        "zone cut",
        ODDITIES["timezone long"],
        org_id="'zone cut'",
        organization="('zone cut', 'Zone', repeat(' ', 512) || 'Europe/Oslo')",
    ),
    Odd("edited before Christ", ODDITIES["updated_at range"], edited="'0044-03-15 BC'"),
    Odd("edited far ahead", ODDITIES["updated_at range"], edited="'12000-01-01'"),
    Odd("edited at the end of time", ODDITIES["updated_at range"], edited="'infinity'"),
    Odd("edited at its beginning", ODDITIES["updated_at range"], edited="'-infinity'"),
]
NO_TEXT = r"convert_from('\x6361ff66c3'::bytea, 'SQL_ASCII')"
BYTES = [
    Odd("id of bytes", ODDITIES["row bytes"], integration_id=NO_TEXT),
    Odd("org_id of bytes", ODDITIES["row bytes"], org_id=NO_TEXT, organization=f"({NO_TEXT}, {NO_TEXT}, null)"),
    Odd("type of bytes", ODDITIES["row bytes"], kind=NO_TEXT),
    Odd("schedule of bytes", "cron_schedule", schedule=f"'0 2 * * *' || {NO_TEXT}"),
    Odd("zone of bytes", "timezone", org_id="'z'", organization=f"('z', {NO_TEXT}, {NO_TEXT})"),
]


@dataclass(frozen=True)
class Place:
    """A database with the two tables in one of their forms, and what is odd in them."""

    url: str
    connection: Connection
    odd: list[Odd]

    @property
    def reasons(self) -> set[str]:
        """What is to be said."""
        return {one.says for one in self.odd}

    @property
    def rows(self) -> int:
        """How many rows are left out."""
        return sum(one.rows for one in self.odd)


@pytest.fixture(
    params=[
        pytest.param((True, True, False), id="key and indexes"),
        pytest.param((True, False, False), id="key alone"),
        pytest.param((False, True, False), id="indexes alone"),
        pytest.param((False, False, False), id="neither"),
        pytest.param((False, True, True), id="SQL_ASCII"),
    ]
)
async def place(
    request: pytest.FixtureRequest, server: EmbeddedServer, bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """Each form of the tables, in a migrated database, and a process that knows nothing yet."""
    known = ParsedTexts()
    monkeypatch.setattr(due, "KNOWN", known)
    monkeypatch.setattr("synkron.source.reader.KNOWN", known)
    has_key, has_indexes, takes_bytes = request.param
    url = await _taking_bytes(server, bare_database.name) if takes_bytes else bare_database.url
    connection = await asyncpg.connect(url)
    await migrate(connection)
    await connection.execute("set search_path = public")
    primary = "primary key" if has_key else ""
    await connection.execute(ORGANIZATIONS.format(primary=primary))
    await connection.execute(INTEGRATIONS.format(primary=primary))
    if has_indexes:
        await create_due_indexes(connection, SOURCE)
    await connection.execute("insert into organizations values ('fjord', 'Fjord', 'Africa/Accra')")
    for one in HEALTHY:
        await connection.execute(
            "insert into organization_integrations values ($1, 'fjord', 'xledger', true, '0 2 * * *')", one
        )
    odd = [one for one in [*ODD, *(BYTES if takes_bytes else [])] if not (has_key and one.keyless)]
    for row in odd:
        await connection.execute(row.statement)
    yield Place(url, connection, odd)
    await connection.close()
    if takes_bytes:
        await _drop(server, f"{bare_database.name}_bytes")


async def test_everybody_else_is_served(place: Place) -> None:
    """A tick comes after all that only reads: the first read knows nothing yet."""
    await _the_read_leaves_them_out(place)
    await _check_names_each(place)
    await _nothing_else_that_reads_the_tables_stumbles(place)
    await _a_tick_and_a_worker_deliver_everybody_else(place)


async def _the_read_leaves_them_out(place: Place) -> None:
    """Cold, and with what was learnt: the same rows and the same words."""
    await check_source(place.connection, SOURCE)
    for _ in range(3):
        with structlog.testing.capture_logs() as logs:
            found = await read_due_integrations(AT, place.connection, tables=SOURCE, types=SETTINGS.types)
        assert {one.integration_id for one in found} == HEALTHY
        assert _unsaid(place, [entry["reason"] for entry in logs]) == set()
        assert all(len(entry["reason"]) < 600 for entry in logs)


async def _check_names_each(place: Place) -> None:
    rows = await read_all(place.connection, SOURCE)
    assert len(rows) == len(HEALTHY) + place.rows
    findings = check(rows, SETTINGS.types, today=date(2026, 1, 1))
    invalid = [one for one in findings if one.level is Level.INVALID]
    assert _unsaid(place, [one.message for one in invalid]) == set()
    assert len({id(one.row) for one in invalid}) == place.rows
    assert not {one.row.integration_id for one in invalid} & HEALTHY
    assert all(_is_short(one) for one in findings)
    # A megabyte in each of many rows would be a gigabyte in the process.
    for row in rows:
        texts = (row.integration_id, row.org_id, row.integration_type, row.cron_schedule or "", str(row.timezone))
        assert max(len(text) for text in texts) <= 600


async def _nothing_else_that_reads_the_tables_stumbles(place: Place) -> None:
    rows = await read_all(place.connection, SOURCE)
    day = Window(AT - timedelta(minutes=1), AT + timedelta(hours=23))
    assert {one.integration.integration_id for one in upcoming(rows, day, SETTINGS.types)} == HEALTHY
    assert (await read_names(place.connection, SOURCE))["fjord"] == "Fjord"
    assert (await forecast_fleet(place.connection, SETTINGS, AT, 24)).as_set.left_out == place.rows
    assert len(await read_rows(place.connection, Settings(source=SOURCE), Scope())) == len(rows)


async def _a_tick_and_a_worker_deliver_everybody_else(place: Place) -> None:
    done = await tick(place.connection, SETTINGS, scheduler="test", at=AT)
    assert done.claimed == len(HEALTHY)
    assert _unsaid(place, [one.reason for one in done.invalid]) == set()
    findings = check(await read_all(place.connection, SOURCE), SETTINGS.types, today=date(2026, 1, 1))
    assert {one.reason for one in done.invalid} == {one.message for one in findings if one.level is Level.INVALID}
    conditions = await read_conditions(place.connection, SETTINGS, [], done.invalid, AT)
    assert {one.subject for one in conditions} >= {one.integration_id[:LONGEST_ID] for one in done.invalid if one.due}
    facts = await read_facts(place.connection, SETTINGS, AT, Scope("fjord", "xledger"))
    assert {one.integration_id for one in facts if one.fault is None} == HEALTHY
    assert len(facts) > len(HEALTHY)
    report = await verify(place.connection, SETTINGS, AT - timedelta(hours=1), AT + timedelta(minutes=1))
    assert report.found.total() == 0, report.findings
    target = Recorder(expected=len(HEALTHY))
    database = Database("", place.url, place.url)
    async with (
        asyncpg.create_pool(place.url, min_size=1, max_size=4) as pool,
        watching(database) as until,
        working(pool, target, SETTINGS),
    ):
        await until(nothing_queued)
    assert {run.integration_id for run in target.calls} == HEALTHY


async def test_an_id_that_stands_twice_is_noticed_though_the_other_row_is_not_due(connection: Connection) -> None:
    """Nor enabled, nor of the same organization: neither can be told from the other."""
    await connection.execute("alter table organization_integrations drop constraint organization_integrations_pkey")
    one = await add_integration(connection, "0 2 * * *")
    assert len(await read_due_integrations(AT, connection)) == 1
    await connection.execute(
        "insert into organization_integrations select $1::text::uuid, id, 'xledger', false, '0 9 * * *' "
        "from organizations limit 1",
        one,
    )
    with structlog.testing.capture_logs() as logs:
        assert await read_due_integrations(AT, connection) == []
    assert [entry["reason"] for entry in logs] == [ODDITIES["id twice"]]


async def test_a_run_whose_id_was_doubled_after_its_claim_is_not_delivered(
    database: Database, connection: Connection
) -> None:
    await connection.execute("alter table organization_integrations drop constraint organization_integrations_pkey")
    doubled, other = [await add_integration(connection, "0 2 * * *") for _ in range(2)]
    assert len(await claim(connection)) == 2
    await connection.execute(
        "insert into organization_integrations select * from organization_integrations where id = $1::text::uuid",
        doubled,
    )
    target = Recorder()
    async with asyncpg.create_pool(database.url, min_size=1, max_size=4) as pool:
        runs = await deliver(database, pool, target)
    assert {run.integration_id: run.state for run in runs} == {doubled: "skipped", other: "succeeded"}
    assert [run.integration_id for run in target.calls] == [other]


@pytest.mark.parametrize("length", [512, 513, 8_000, 1_000_000])
async def test_no_index_refuses_what_the_application_writes(connection: Connection, length: int) -> None:
    """Four bytes for each character, none of which repeats."""
    text = "".join(chr(0x10000 + 7919 * number % 0xFFFF) for number in range(length))
    org_id = await add_organization(connection, zone=text)
    one = await add_integration(connection, text, org_id=org_id)
    for _ in range(3):
        with structlog.testing.capture_logs() as logs:
            assert await read_due_integrations(AT, connection) == []
        assert [entry["integration_id"] for entry in logs] == [one]


@pytest.mark.parametrize("kind", ["text", "bigint", "jsonb"])
async def test_a_column_that_holds_no_times_is_told_in_a_sentence(connection: Connection, kind: str) -> None:
    await connection.execute(f"alter table organization_integrations add column edited {kind}")
    with pytest.raises(SourceTableMissing, match="updated_at, if it is named in the settings, to be a timestamptz"):
        await read_due_integrations(AT, connection, tables=SOURCE)


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
async def test_a_time_beyond_every_calendar_is_odd(connection: Connection, kind: str) -> None:
    await connection.execute(f"alter table organization_integrations add column edited {kind}")
    good, far = [await add_integration(connection, "0 2 * * *") for _ in range(2)]
    latest = "5874897-12-31" if kind == "date" else "294276-12-31"
    await connection.execute(f"update organization_integrations set edited = '{latest}' where id = $1::text::uuid", far)
    with structlog.testing.capture_logs() as logs:
        assert [one.integration_id for one in await read_due_integrations(AT, connection, tables=SOURCE)] == [good]
    assert [entry["reason"] for entry in logs] == [ODDITIES["updated_at range"]]


def test_what_is_cut_is_too_long_for_an_expression() -> None:
    """The statements cut there, so that a cut text is never taken for a good one."""
    sql = source_statements("source/reader", SOURCE)["due"]
    assert f", {MAX_LENGTH + 1})" in sql
    assert f", {MAX_LENGTH})" in sql


def _unsaid(place: Place, reasons: list[str]) -> set[str]:
    """What no reason says."""
    return {one for one in place.reasons if not any(one in reason for reason in reasons)}


def _is_short(finding: RowFinding) -> bool:
    return len(finding.message) < 600


async def _taking_bytes(server: EmbeddedServer, name: str) -> str:
    connection = await asyncpg.connect(server.url(database="postgres", user="postgres"))
    await connection.execute(
        f"create database {name}_bytes owner synkron template template0 encoding 'SQL_ASCII' locale 'C'"
    )
    await connection.close()
    return server.url(database=f"{name}_bytes")


async def _drop(server: EmbeddedServer, name: str) -> None:
    connection = await asyncpg.connect(server.url(database="postgres", user="postgres"))
    await connection.execute(f"drop database {name} with (force)")
    await connection.close()
