"""The forecast of real rows: the same as every row judged by itself, under the overrides that stand."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import asyncpg
import pytest

from synkron.errors import ServiceRoleRequired
from synkron.model import Window
from synkron.reports.forecast.outlook import TypeForecast
from synkron.reports.forecast.store import forecast_fleet
from synkron.settings.load import IntegrationsTable, OrganizationsTable, Settings, SourceTables
from synkron.settings.policy import Policy
from synkron.source.due import all_occurrences
from synkron.source.reader import read_all
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, utc

NOW = utc("2026-10-24T12:34:56")
MINUTE = timedelta(minutes=1)


def by_minute(one: TypeForecast, starts: bool = False) -> dict[datetime, float]:
    figures = one.starts if starts else one.fires
    return {one.instant(minute): figure for minute, figure in enumerate(figures) if figure}


async def test_it_is_every_row_judged_by_itself(connection: Connection) -> None:
    """Over a change of clocks, with faulty, disabled and unscheduled rows among them."""
    zones = [None, "Europe/Oslo", "+02:00", "Europe/Atlantis"]
    organizations = [await add_organization(connection, zone=zone) for zone in zones]
    schedules = ["30 2 * * *", "30 2 * * *", "*/20 * * * *", "0 9 25 * *", "99 * * * *", None]
    for number in range(96):
        kind = ("xledger", "dynamics", "fiken")[number % 3]
        schedule, org_id = schedules[number // 3 % 6], organizations[number % 4]
        await add_integration(connection, schedule, kind, org_id=org_id, enabled=number % 11 > 0)
    settings = Settings()
    outlook = await forecast_fleet(connection, settings, NOW, 24)
    window = outlook.as_set.window
    assert (window.start, window.end) == (utc("2026-10-24T12:34:00"), utc("2026-10-25T12:34:00"))

    rows = [row for row in await read_all(connection, settings.source) if row.is_enabled and row.cron_schedule]
    due, _ = all_occurrences(rows, Window(window.start, window.end), settings.types)
    expected = Counter((one.integration.integration_type, moment) for one in due for moment in one.moments)
    found = {
        (name, moment): fires for name, one in outlook.as_set.types.items() for moment, fires in by_minute(one).items()
    }
    assert found == expected
    assert utc("2026-10-25T00:30:00") in by_minute(outlook.as_set.types["xledger"])  # 02:30 in Oslo, the first time
    counted = sum(one.integrations for one in outlook.as_set.types.values())
    assert outlook.as_set.left_out + counted == len(rows)
    assert outlook.as_set.left_out == sum(
        row.integration_type == "fiken" or row.timezone == "Europe/Atlantis" or row.cron_schedule == "99 * * * *"
        for row in rows
    )


async def test_an_override_of_the_spread_counts(connection: Connection) -> None:
    ids = [await add_integration(connection, "0 2 * * *") for _ in range(4)]
    await connection.executemany(
        "insert into synkron.overrides (integration_id, spread) values ($1, '2 minutes')", [(one,) for one in ids[:2]]
    )
    await connection.execute("insert into synkron.overrides (integration_id, attempts) values ($1, 1)", ids[2])
    two = utc("2026-10-25T02:00:00")
    outlook = await forecast_fleet(connection, Settings(), NOW, 24, proposed={"xledger": Policy(spread=MINUTE * 4)})
    assert by_minute(outlook.as_set.types["xledger"], starts=True) == {two: 3, two + MINUTE: 1}
    assert outlook.proposed is not None
    assert by_minute(outlook.proposed.types["xledger"], starts=True) == {
        two: 1.5,
        two + MINUTE: 1.5,
        two + MINUTE * 2: 0.5,
        two + MINUTE * 3: 0.5,
    }


async def test_one_type(connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    await add_integration(connection, "0 2 * * *", "dynamics")
    outlook = await forecast_fleet(connection, Settings(), NOW, 24, integration_type="dynamics")
    assert list(outlook.as_set.types) == ["dynamics"]
    assert outlook.proposed is None


async def test_pauses_are_counted(connection: Connection) -> None:
    begun = utc("2026-10-24T00:00:00")
    for until, ended in [(None, None), (utc("2026-10-24T06:00:00"), None), (None, begun)]:
        await connection.execute(
            "insert into synkron.pauses (reason, author, starts_at, until, ended_at, ended_by) "
            "values ('maintenance', 'kari', $1, $2, $3, case when $3::timestamptz is not null then 'kari' end)",
            begun,
            until,
            ended,
        )
    assert (await forecast_fleet(connection, Settings(), NOW, 1)).pauses == 1


async def test_names_of_ones_own_zones_in_minutes_and_no_ledger(bare_database: Database) -> None:
    """Nothing that Synkron installs is needed, and an organization may be missing."""
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute("""
        create table tenants (key int primary key, name text, "zone" smallint);
        create table orders (id int primary key, tenant int, integration_type varchar(9), is_enabled boolean,
            cron_schedule varchar(80));
        insert into tenants values (1, 'Fjord', 120), (2, 'Bakke', null);
        insert into orders values (5, 1, 'bufdir', true, '0 2 * * *'), (6, 2, 'bufdir', true, '0 2 * * *'),
            (7, 9, 'bufdir', true, '0 2 * * *');
    """)
    for zone, fires in (("zone", {0: 1, 2: 1}), ("", {2: 2})):
        source = SourceTables(
            organizations=OrganizationsTable(table="tenants", id="key", timezone=zone),
            integrations=IntegrationsTable(table="orders", org_id="tenant"),
        )
        outlook = await forecast_fleet(connection, Settings(source=source), NOW, 24)
        assert {at.hour: count for at, count in by_minute(outlook.as_set.types["bufdir"]).items()} == fires
        assert (outlook.as_set.left_out, outlook.pauses) == (1, 0)
    await connection.close()


@pytest.mark.own_database
async def test_row_security_is_not_stepped_around(database: Database, connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(
        "do $$ begin create role outsider login; exception when duplicate_object then null; end $$;"
        "grant select on all tables in schema public to outsider;"
    )
    outsider = await asyncpg.connect(database.url.replace("synkron@", "outsider@", 1))
    outlook = await forecast_fleet(outsider, Settings(), NOW, 24)
    assert outlook.as_set.types["xledger"].fired == 1
    assert outlook.pauses is None  # nor overrides: the role has no grant on Synkron's own tables
    await superuser.execute("alter table organizations enable row level security")
    with pytest.raises(ServiceRoleRequired, match="Row security hides rows"):
        await forecast_fleet(outsider, Settings(), NOW, 24)
    await outsider.close()
    await superuser.close()
