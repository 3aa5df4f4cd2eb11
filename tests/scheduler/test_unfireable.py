"""Rows that can't run for now: a type that the settings don't know, an organization that is missing.

Their moments are neither fired nor lost: they are held, and decided by the catch-up policy when the fault is mended.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from synkron.ledger import history
from synkron.ledger.history import RecordedRun
from synkron.model import Fault, Scope
from synkron.operations.pauses import AskedPause, pause, resume
from synkron.postgres.clock import database_clock
from synkron.scheduler.holds import PAGES, drop_gone
from synkron.scheduler.tick import Tick, tick
from synkron.settings.load import Settings, SourceTables, TypeSettings
from synkron.settings.policy import CatchUp
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.fleet import add_integration, utc
from tests.support.stepped_clock import install_clock, set_clock

KNOWING = Settings(types={"xledger": TypeSettings(), "fiken": TypeSettings()})
UNKNOWING = Settings(types={"xledger": TypeSettings()})
HOUR = timedelta(hours=1)
NINE = utc("2026-03-02T09:00:00")
AHEAD = timedelta(seconds=29, milliseconds=980)


async def decided(connection: Connection) -> list[RecordedRun]:
    return sorted(await history.runs(connection), key=lambda run: run.scheduled_for)


async def tick_at(connection: Connection, hours: float, settings: Settings) -> Tick:
    """A tick half a minute before so many hours after nine."""
    await set_clock(connection, NINE + HOUR * hours - AHEAD)
    return await tick(connection, settings, scheduler="test")


@pytest.fixture
async def hourly(connection: Connection) -> str:
    """An hourly integration of a type that not everybody knows, with its last run at nine."""
    one = await add_integration(connection, "0 * * * *", "fiken")
    await install_clock(connection, NINE - AHEAD)
    await tick(connection, KNOWING, scheduler="test")
    assert [run.scheduled_for for run in await decided(connection)] == [NINE]
    return one


@pytest.mark.parametrize(
    ("catch_up", "actions"),
    [
        (CatchUp.LATEST, ["merge", "merge", "run", "run"]),
        (CatchUp.ALL, ["run", "run", "run", "run"]),
        (CatchUp.SKIP, ["skip", "skip", "skip", "run"]),
    ],
)
async def test_the_moments_of_a_type_that_is_not_known_for_a_while(
    connection: Connection, hourly: str, catch_up: CatchUp, actions: list[str]
) -> None:
    for hours in (1, 2, 3):
        done = await tick_at(connection, hours, UNKNOWING)
        assert [(row.integration_id, row.fault) for row in done.invalid] == [(hourly, Fault.TYPE)]
        assert done.claimed == 0
    assert [tuple(row) for row in await connection.fetch("select integration_id, since, reason from synkron.held")] == [
        (hourly, NINE + HOUR - timedelta(microseconds=1), "type")
    ]
    knowing = Settings(types={"xledger": TypeSettings(), "fiken": TypeSettings(catch_up=catch_up)})
    await tick_at(connection, 4, knowing)
    _, *rows = await decided(connection)
    assert [row.action for row in rows] == actions
    assert [row.scheduled_for for row in rows] == [NINE + HOUR * hours for hours in (1, 2, 3, 4)]
    assert all("its type was not known" in row.reason for row in rows[:-1])
    assert (rows[-1].source, rows[-1].reason) == ("schedule", "on time")
    run = next(row for row in rows if row.action == "run")
    assert catch_up is CatchUp.SKIP or run.period_start == NINE
    assert await connection.fetchval("select count(*) from synkron.held") == 0


@pytest.mark.own_database  # the holds are few pages, so that each tick looks at all of them
async def test_the_hold_of_a_row_that_is_gone_is_dropped_when_nobody_would_decide_it_any_more(
    connection: Connection, hourly: str
) -> None:
    """Though none is released. A row that is away for a tick or two keeps its hold, and so its moments."""
    await tick_at(connection, 1, UNKNOWING)
    await connection.execute(
        "insert into synkron.held (integration_id, since) select id, $1::timestamptz from unnest(array['gone', '']) id "
        "union all select 'away', $2::timestamptz",
        NINE - UNKNOWING.retention - HOUR,
        NINE,
    )
    await tick_at(connection, 2, UNKNOWING)
    held = await connection.fetch("select integration_id from synkron.held order by integration_id = 'away'")
    assert [row["integration_id"] for row in held] == [hourly, "away"]


async def test_each_part_of_the_holds_has_its_turn(connection: Connection, hourly: str) -> None:
    """However many there are, so few ticks find all that are gone, whatever the ticks' numbers begin with."""
    await connection.execute(
        "insert into synkron.held (integration_id, since) select gen_random_uuid()::text, now() - interval '1 day' "
        "from generate_series(1, 5000) union all select $1, now() - interval '1 day'",
        hourly,
    )
    pages: int = await connection.fetchval("select pg_relation_size('synkron.held') / 8192")
    left = [await connection.fetchval("select count(*) from synkron.held")]
    oldest = await database_clock(connection)
    async with connection.transaction():
        source = SourceQueries(SourceTables())
        await source.secure(connection)
        for number in range(1000, 1001 + pages // PAGES):
            await drop_gone(connection, number, oldest, source)
            left.append(await connection.fetchval("select count(*) from synkron.held"))
    assert left[-1] == 1
    assert max(before - after for before, after in pairwise(left)) < 2000


async def test_a_row_that_is_held_is_invalid_between_its_moments_too(connection: Connection, hourly: str) -> None:
    await tick_at(connection, 1, UNKNOWING)
    done = await tick_at(connection, 1.5, UNKNOWING)
    assert [(row.integration_id, row.fault) for row in done.invalid] == [(hourly, Fault.TYPE)]


@pytest.mark.parametrize("first", ["who knows", "who does not"])
@pytest.mark.usefixtures("hourly")
async def test_two_schedulers_of_which_one_knows_the_type(connection: Connection, first: str) -> None:
    """Whichever ticks first: the one that knows fires at the moment, and the other takes nothing away."""
    order = [KNOWING, UNKNOWING] if first == "who knows" else [UNKNOWING, KNOWING]
    for hours in (1, 2, 3):
        for settings in order:
            await tick_at(connection, hours, settings)
    rows = await decided(connection)
    assert [(row.scheduled_for, row.source) for row in rows] == [(NINE + HOUR * n, "schedule") for n in range(4)]
    assert await connection.fetchval("select count(*) from synkron.held") == 0


async def test_a_pause_of_what_is_held_for_its_type(connection: Connection, hourly: str) -> None:
    """Both must end."""
    await tick_at(connection, 1, UNKNOWING)
    scope = Scope(integration_id=hourly)
    await pause(connection, KNOWING, AskedPause([scope], "month end"), "kari")
    await connection.execute("update synkron.pauses set starts_at = $1", NINE)
    await tick_at(connection, 2, KNOWING)
    assert len(await decided(connection)) == 1
    await resume(connection, KNOWING, [scope], "kari")
    await tick_at(connection, 3, UNKNOWING)
    assert len(await decided(connection)) == 1
    await tick_at(connection, 4, KNOWING)
    assert [row.action for row in await decided(connection)] == ["run", "merge", "merge", "run", "run"]


@pytest.mark.parametrize(
    "mend",
    [
        "update organization_integrations set integration_type = 'xledger'",
        "update organization_integrations set is_enabled = false",
        "delete from organization_integrations",
    ],
)
@pytest.mark.usefixtures("hourly")
async def test_the_row_is_mended_instead(connection: Connection, mend: str) -> None:
    await tick_at(connection, 1, UNKNOWING)
    await connection.execute(mend)
    await tick_at(connection, 2, UNKNOWING)
    await add_integration(connection, "0 0 1 1 *")
    rows = await decided(connection)
    assert [row.action for row in rows] == (["run", "run", "run"] if "xledger" in mend else ["run"])
    if "delete" not in mend:
        assert await connection.fetchval("select count(*) from synkron.held") == 0


@pytest.mark.own_database
@pytest.mark.parametrize("zone", [None, "Asia/Kathmandu"])
@pytest.mark.usefixtures("hourly")
async def test_an_organization_that_comes_later(connection: Connection, zone: str | None) -> None:
    """Without it nobody knows the zone: the moments are worked out when it is there."""
    await connection.execute(
        "alter table organization_integrations drop constraint organization_integrations_org_id_fkey;"
        "create table gone as select * from organizations; delete from organizations"
    )
    for hours in (1, 2):
        done = await tick_at(connection, hours, KNOWING)
        assert [row.fault for row in done.invalid] == [Fault.ORGANIZATION]
    assert await connection.fetchval("select reason from synkron.held") == "organization"
    await connection.execute("insert into organizations overriding system value select * from gone")
    await connection.execute("update organizations set timezone = $1", zone)
    await tick_at(connection, 3, KNOWING)
    _, *rows = await decided(connection)
    hours_after = (0.25, 1.25, 2.25) if zone else (1, 2, 3)
    expected = [NINE + HOUR * hours for hours in hours_after]
    assert [row.scheduled_for for row in rows] == expected
    assert "its organization was missing" in rows[0].reason
