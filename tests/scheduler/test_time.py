"""The database's clock steps, and the clocks of zones change: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from synkron.ledger import history
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.stepped_clock import install_clock, set_clock

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
TWO = utc("2026-03-02T02:00:00")


async def tick_through(connection: Connection, moments: Iterator[datetime], settings: Settings | None = None) -> None:
    """Tick at each of these moments of the database's clock."""
    for moment in moments:
        await set_clock(connection, moment)
        await tick(connection, settings or Settings(), scheduler="test")


def half_minutes(start: datetime, minutes: int) -> Iterator[datetime]:
    """The moments at which a scheduler ticks."""
    return (start + MINUTE / 2 * number + timedelta(milliseconds=20) for number in range(minutes * 2))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([(0, 10), (70, 10)], 80, id="an hour forward"),
        pytest.param([(0, 20), (10, 20)], 30, id="ten minutes back"),
        pytest.param([(0, 5), (65, 5), (50, 25)], 75, id="an hour forward, and back again"),
        pytest.param([(0, 15), (5, 15), (80, 5), (70, 20)], 90, id="back, forward, back"),
    ],
)
async def test_the_databases_clock_steps(connection: Connection, steps: list[tuple[int, int]], expected: int) -> None:
    """``steps`` are spans of ticks: from so many minutes past two, for so many minutes. The last tick is half a minute
    before a minute, which it claims. Each type catches up in another way."""
    types = dict(zip(("xledger", "dynamics", "bufdir"), CatchUp, strict=True))
    integrations = [await add_integration(connection, "* * * * *", kind) for kind in types]
    await install_clock(connection, TWO)
    settings = Settings(types={kind: TypeSettings(catch_up=catch_up) for kind, catch_up in types.items()})
    for start, minutes in steps:
        await tick_through(connection, half_minutes(TWO + MINUTE * start, minutes), settings)
    found = sorted(await history.runs(connection), key=lambda row: row.scheduled_for)
    for integration in integrations:
        rows = [row for row in found if row.integration_id == integration]
        assert [row.scheduled_for for row in rows] == [TWO + MINUTE * number for number in range(expected + 1)]
        kept = [row for row in rows if row.action != "merge"]
        assert [later.period_start for later in kept[1:]] == [earlier.period_end for earlier in kept[:-1]]
    assert len({row.key for row in found}) == len(found)
    watermarks = [
        row["window_end"] for row in await connection.fetch("select window_end from synkron.ticks order by id")
    ]
    assert await connection.fetchval("select at from synkron.watermark") == max(watermarks)


@pytest.mark.parametrize(
    ("zone", "schedule", "start", "hours", "fires"),
    [
        pytest.param(
            "Europe/Oslo", "30 2 * * *", "2026-03-28T22:00", 6, ["2026-03-29T01:00"],
            id="Oslo skips 02:30: it fires once, when the clocks have gone forward",
        ),
        pytest.param(
            "Europe/Oslo", "30 2 * * *", "2026-10-24T22:00", 6, ["2026-10-25T00:30"],
            id="Oslo repeats 02:30: it fires at the first",
        ),
        pytest.param(
            "Europe/Oslo", "*/30 2 * * *", "2026-10-24T22:00", 6,
            ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"],
            id="Oslo repeats the hour: what fires by the clock's face fires in both",
        ),
        pytest.param(
            "Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", 6, ["2026-10-03T15:30"],
            id="Lord Howe skips half an hour",
        ),
        pytest.param(
            "Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00", 6, ["2026-04-04T14:45"],
            id="Lord Howe repeats half an hour",
        ),
        pytest.param(
            "Pacific/Apia", "0 12 * * *", "2011-12-29T21:00", 26, ["2011-12-29T22:00", "2011-12-30T22:00"],
            marks=pytest.mark.own_database,  # its month has no partition yet
            id="Apia skips the whole of 30 December",
        ),
    ],
)  # fmt: skip
async def test_the_clocks_of_a_zone_change(
    connection: Connection, zone: str, schedule: str, start: str, hours: int, fires: list[str]
) -> None:
    organization = await add_organization(connection, zone=zone)
    await add_integration(connection, schedule, org_id=organization)
    await install_clock(connection, utc(start))
    # All that may fire, rightly or not, does so at a quarter of an hour, and at noon on the hour.
    step = HOUR if schedule == "0 12 * * *" else QUARTER
    await tick_through(connection, (utc(start) + step * number for number in range(hours * HOUR // step)))
    rows = sorted(await history.runs(connection), key=lambda row: row.scheduled_for)
    assert [f"{row.scheduled_for:%Y-%m-%dT%H:%M}" for row in rows] == fires
    assert {(row.action, row.reason) for row in rows} == {("run", "on time")}
    assert all(later.period_start == earlier.period_end for earlier, later in pairwise(rows))
