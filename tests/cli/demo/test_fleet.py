"""The demo's cast: who is in it, which of its rows are faulty on purpose, and that seeding touches nothing else."""

from __future__ import annotations

from collections import Counter

import asyncpg
import pytest

from synkron.cli.demo.fleet import INTEGRATIONS, ORGANIZATIONS, is_only_demo, seed
from synkron.cron import parse, parse_zone
from synkron.errors import CronError, Refused, ZoneError
from synkron.ledger.migrate import create_source_tables
from synkron.settings.integrations import BUILT_IN
from synkron.settings.load import IntegrationsTable, OrganizationsTable, SourceTables
from tests.conftest import Connection
from tests.support.databases import Database

SOURCE = SourceTables()
HOSTILE = SourceTables(
    organizations=OrganizationsTable(table="Order", id="Select", name="From", timezone="Where"),
    integrations=IntegrationsTable(table="Group", id="Table", org_id="User", is_enabled="End", cron_schedule="Case"),
)


def test_the_fleet_is_twelve_organizations_with_36_integrations() -> None:
    assert len(ORGANIZATIONS) == len({one.id for one in ORGANIZATIONS}) == 12
    assert len(INTEGRATIONS) == len({one.id for one in INTEGRATIONS}) == 36
    assert {one.organization for one in INTEGRATIONS} == set(ORGANIZATIONS)
    assert Counter(one.integration_type for one in INTEGRATIONS) == {
        "xledger": 12,
        "dynamics": 12,
        "bufdir": 11,
        "fiken": 1,
    }


def test_the_zones() -> None:
    assert [one.timezone for one in ORGANIZATIONS] == [
        "Europe/Oslo",
        "Europe/Oslo",
        "Europe/Stockholm",
        "Europe/Helsinki",
        "Europe/Copenhagen",
        "Atlantic/Reykjavik",
        None,
        "Asia/Kathmandu",
        "America/New_York",
        "Australia/Lord_Howe",
        "+02:00",
        "Europe/Atlantis",
    ]


def test_how_often_they_fire() -> None:
    assert Counter(one.cron_schedule for one in INTEGRATIONS if one.is_live) == {
        "* * * * *": 8,
        "*/2 * * * *": 3,
        "1-59/2 * * * *": 1,
        "*/5 * * * *": 2,
        "2-59/5 * * * *": 1,
        "3-59/5 * * * *": 1,
        "*/15 * * * *": 1,
        "7-59/15 * * * *": 1,
        "0,15,30,45 * * * *": 1,
        "0 * * * *": 2,
        "20 * * * *": 1,
        "0 2 * * *": 2,
        "30 2 * * *": 1,
        "0 7 * * MON-FRI": 1,
        "30 9 * * 1-5": 1,
        "0 2 31 * *": 2,
    }


def test_who_never_fires() -> None:
    assert [
        (one.organization.name, one.integration_type, one.fault or one.cron_schedule)
        for one in INTEGRATIONS
        if not one.is_live
    ] == [
        ("Vesterhav Energi", "dynamics", "no hour has a minute 99"),
        ("Jökull Fiskvinnsla", "bufdir", "* * * * *"),
        ("Hudson & Vik", "bufdir", "six fields"),
        ("Østersjø Shipping", "fiken", "an integration type that is not in the settings"),
        ("Atlantis Holding", "xledger", "its organization's zone is unknown"),
        ("Atlantis Holding", "dynamics", "0 3 * * *"),
        ("Atlantis Holding", "bufdir", None),
    ]


def test_ids_are_the_same_for_ever() -> None:
    assert str(ORGANIZATIONS[0].id) == "3a3ed0cc-831e-57b5-ab82-eab28b8f3dcc"
    assert str(INTEGRATIONS[0].id) == "e95b2d06-f97d-56ab-a327-fcfb1aab9080"


def test_what_is_called_faulty_is_faulty_and_nothing_else() -> None:
    for one in INTEGRATIONS:
        if one.is_enabled and one.cron_schedule is not None:
            assert _is_sound(one.cron_schedule, one.organization.timezone, one.integration_type) == (one.fault is None)


def _is_sound(cron_schedule: str, timezone: str | None, integration_type: str) -> bool:
    try:
        parse(cron_schedule)
        parse_zone(timezone)
    except (CronError, ZoneError):
        return False
    return integration_type in BUILT_IN


async def test_seeding_writes_the_fleet(connection: Connection) -> None:
    await seed(connection, SOURCE)
    organizations = await connection.fetch("select id, name, timezone from organizations")
    assert {tuple(row) for row in organizations} == {(one.id, one.name, one.timezone) for one in ORGANIZATIONS}
    integrations = await connection.fetch(
        "select id, org_id, integration_type, is_enabled, cron_schedule from organization_integrations"
    )
    assert {tuple(row) for row in integrations} == {
        (one.id, one.organization.id, one.integration_type, one.is_enabled, one.cron_schedule) for one in INTEGRATIONS
    }


async def test_seeding_again_restores_the_demo_s_rows_and_leaves_others_alone(connection: Connection) -> None:
    await seed(connection, SOURCE)
    fleet = await _rows(connection)
    await connection.execute("update organizations set name = 'edited', timezone = 'Asia/Tokyo'")
    await connection.execute(
        "update organization_integrations set integration_type = 'x', cron_schedule = 'x', is_enabled = not is_enabled"
    )
    await connection.execute("delete from organizations where id = $1", ORGANIZATIONS[3].id)
    await connection.execute(
        "with own as (insert into organizations (name, timezone) values ('own', 'UTC') returning id) "
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select id, 'xledger', '1 2 3 4 5' from own"
    )
    await seed(connection, SOURCE)
    restored = await _rows(connection)
    assert restored.keys() - fleet.keys() == restored.keys() ^ fleet.keys()
    assert {key: row for key, row in restored.items() if key in fleet} == fleet
    assert [row[2:] for key, row in restored.items() if key not in fleet] == [
        ("own", "UTC", "xledger", True, "1 2 3 4 5")
    ]


async def test_tables_with_nothing_but_the_demo_are_told_from_others(connection: Connection) -> None:
    assert await is_only_demo(connection, SOURCE)
    await seed(connection, SOURCE)
    assert await is_only_demo(connection, SOURCE)
    await connection.execute("insert into organizations (name) values ('own')")
    assert not await is_only_demo(connection, SOURCE)
    await connection.execute("delete from organizations where name = 'own'")
    assert await is_only_demo(connection, SOURCE)
    await connection.execute(
        "insert into organization_integrations (org_id, integration_type) values ($1, 'xledger')", ORGANIZATIONS[0].id
    )
    assert not await is_only_demo(connection, SOURCE)


async def test_an_application_s_own_rows_may_have_ids_of_any_type(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute("create table organizations (id int, name text, timezone text)")
    await connection.execute(
        "create table organization_integrations "
        "(id int, org_id int, integration_type text, is_enabled bool, cron_schedule text)"
    )
    assert await is_only_demo(connection, SOURCE)
    await connection.execute("insert into organization_integrations (id) values (1)")
    assert not await is_only_demo(connection, SOURCE)
    await connection.close()


async def test_names_of_tables_and_columns_are_quoted(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await create_source_tables(connection, HOSTILE)
    await seed(connection, HOSTILE)
    assert await connection.fetchval('select count(*) from "Order" join "Group" on "User" = "Select"') == 36
    assert await is_only_demo(connection, HOSTILE)
    await connection.close()


async def test_the_demo_needs_a_column_for_its_zones(connection: Connection) -> None:
    zoneless = SourceTables(organizations=OrganizationsTable(timezone=""))
    with pytest.raises(Refused, match="Name a column there"):
        await seed(connection, zoneless)


async def _rows(connection: Connection) -> dict[str, tuple[object, ...]]:
    rows = await connection.fetch(
        "select i.id, i.org_id, o.name, o.timezone, i.integration_type, i.is_enabled, i.cron_schedule "
        "from organization_integrations i join organizations o on o.id = i.org_id"
    )
    return {str(row["id"]): tuple(row) for row in rows}
