"""The periods of an integration tile: where one ends the next begins, whatever is edited meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

import asyncpg
import pytest

from synkron.ledger import history, skips
from synkron.ledger.history import RecordedRun
from synkron.model import Scope
from synkron.operations.backfill import AskedBackfill, plan_backfill
from synkron.operations.transaction import read_transaction
from synkron.reports.verify.store import verify
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, blocked, utc
from tests.support.stepped_clock import install_clock, set_clock
from tests.support.turns import skip

SETTINGS = Settings(
    types={
        "xledger": TypeSettings(),
        "dynamics": TypeSettings(catch_up=CatchUp.ALL),
        "bufdir": TypeSettings(catch_up=CatchUp.SKIP, catch_up_window=timedelta(hours=3)),
    }
)
SCHEDULES = [
    "0 2 1 * *",
    "0 2 * * *",
    "0 * * * *",
    "*/20 * * * *",
    "0 6 * * 1",
    "30 1,13 * * *",
    "59 23 31 12 *",
    "0 0 * * 0",
]
ZONES = [None, "Europe/Oslo", "America/New_York", "Asia/Kathmandu"]
AHEAD = timedelta(seconds=29, milliseconds=980)
HALF = timedelta(seconds=30)
SUPERSEDE = "update synkron.runs set state = 'skipped', finished_at = now(), reason = 'superseded: an edit' "


def kept(rows: Sequence[RecordedRun]) -> list[tuple[datetime | None, datetime]]:
    """The periods of one integration, the oldest first, but for those of merged moments and superseded runs."""
    return [
        (row.period_start, row.period_end)
        for row in sorted(rows, key=lambda row: row.scheduled_for)
        if row.action != "merge" and not row.reason.startswith("superseded")
    ]


async def tick_for(connection: Connection, moment: str, settings: Settings = SETTINGS) -> None:
    """The tick half a minute before a moment."""
    await set_clock(connection, utc(moment) - AHEAD)
    await tick(connection, settings, scheduler="test")


async def periods(connection: Connection) -> list[tuple[datetime | None, datetime]]:
    return kept(await history.runs(connection, limit=100_000))


@pytest.mark.parametrize(
    ("before", "after", "last", "first", "period"),
    [
        pytest.param(
            "0 2 1 * *",
            "0 2 * * *",
            "2026-11-01T02:00:00",
            "2026-11-28T02:00:00",
            "2026-11-01T02:00:00",
            id="monthly to daily",
        ),
        pytest.param(
            "0 2 * * *",
            "0 2 1 * *",
            "2026-11-27T02:00:00",
            "2026-12-01T02:00:00",
            "2026-11-27T02:00:00",
            id="daily to monthly",
        ),
        pytest.param(
            "0 2 * * *",
            "0 * * * *",
            "2026-11-27T02:00:00",
            "2026-11-27T09:00:00",
            "2026-11-27T02:00:00",
            id="daily to hourly",
        ),
        pytest.param(
            "0 2 * * *",
            "0 2 * * *",
            "2026-11-27T02:00:00",
            "2026-11-28T02:00:00",
            "2026-11-27T02:00:00",
            id="not edited",
        ),
    ],
)
async def test_after_an_edit_a_period_begins_where_the_last_one_ended(
    connection: Connection, before: str, after: str, last: str, first: str, period: str
) -> None:
    await add_integration(connection, before)
    await install_clock(connection, utc(last) - AHEAD)
    await tick(connection, SETTINGS, scheduler="test")
    await connection.execute("update organization_integrations set cron_schedule = $1", after)
    # Somebody ticked all the time: nothing was missed.
    await connection.execute("update synkron.watermark set at = $1", utc(first) - HALF * 2)
    await tick_for(connection, first)
    assert (await periods(connection))[-1] == (utc(period), utc(first))


async def test_another_zone(connection: Connection) -> None:
    """The same wall-clock time comes nine hours later: the period is so much longer, once."""
    await add_integration(connection, "0 2 * * *", org_id=await add_organization(connection, zone="Asia/Tokyo"))
    await install_clock(connection, utc("2026-11-26T17:00:00") - AHEAD)
    await tick(connection, SETTINGS, scheduler="test")
    await connection.execute("update organizations set timezone = 'UTC'")
    await connection.execute("update synkron.watermark set at = '2026-11-27T01:59Z'")
    await tick_for(connection, "2026-11-27T02:00:00")
    assert (await periods(connection))[-1] == (utc("2026-11-26T17:00:00"), utc("2026-11-27T02:00:00"))


async def test_the_first_period_begins_at_the_schedules_moment_before(connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    await install_clock(connection, utc("2026-11-27T02:00:00") - AHEAD)
    await tick(connection, SETTINGS, scheduler="test")
    assert await periods(connection) == [(utc("2026-11-26T02:00:00"), utc("2026-11-27T02:00:00"))]


async def test_the_time_of_a_superseded_run_is_the_next_one_s(connection: Connection) -> None:
    """A monthly run is edited to an hour later in its half-minute: the month is not lost."""
    await add_integration(connection, "0 2 1 * *")
    await install_clock(connection, utc("2026-11-01T02:00:00") - AHEAD)
    await tick(connection, SETTINGS, scheduler="test")
    await connection.execute("update synkron.watermark set at = '2026-12-01T01:59Z'")
    await tick_for(connection, "2026-12-01T02:00:00")
    await connection.execute("update organization_integrations set cron_schedule = '0 3 1 * *'")
    await connection.execute(SUPERSEDE + "where scheduled_for = '2026-12-01T02:00Z'")
    await tick_for(connection, "2026-12-01T03:00:00")
    assert (await periods(connection))[-1] == (utc("2026-11-01T02:00:00"), utc("2026-12-01T03:00:00"))


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_the_time_of_superseded_runs_goes_to_the_one_that_is_claimed_already(
    connection: Connection, together: bool, newest_first: bool
) -> None:
    """Hourly runs wait, for their vendor say, and the schedule is edited to every fourth hour."""
    await add_integration(connection, "0 * * * *")
    await install_clock(connection, utc("2026-11-01T01:00:00") - AHEAD)
    for hour in (1, 2, 3, 4, 5):
        await tick_for(connection, f"2026-11-01T0{hour}:00:00")
    runs = [run.id for run in sorted(await history.runs(connection), key=lambda run: run.scheduled_for)]
    superseded = [skips.Skip(run_id, "superseded: the schedule is now another", 0) for run_id in runs[:3]]
    if newest_first:
        superseded.reverse()
    for some in [superseded] if together else [[one] for one in superseded]:
        assert all(await skips.skip_all(connection, some, None))
    assert await periods(connection) == [
        (utc("2026-11-01T00:00:00"), utc("2026-11-01T04:00:00")),
        (utc("2026-11-01T04:00:00"), utc("2026-11-01T05:00:00")),
    ]
    report = await verify(connection, SETTINGS, utc("2026-11-01T00:30:00"), utc("2026-11-01T05:00:00"))
    assert [one.message for one in report.findings if "period" in one.message] == []


async def test_a_run_that_was_tried_keeps_its_period(connection: Connection) -> None:
    """Its target has been told the period with the key; the time of the superseded one is named by `verify`."""
    await add_integration(connection, "0 * * * *")
    await install_clock(connection, utc("2026-11-01T01:00:00") - AHEAD)
    for hour in (1, 2):
        await tick_for(connection, f"2026-11-01T0{hour}:00:00")
    await connection.execute(
        "update synkron.runs set attempt = 1, started_at = now() where scheduled_for = '2026-11-01T02:00Z'"
    )
    (first, *_) = sorted(run.id for run in await history.runs(connection))
    assert await skip(connection, first, "superseded: the schedule is now another", 0)
    assert await periods(connection) == [(utc("2026-11-01T01:00:00"), utc("2026-11-01T02:00:00"))]


@pytest.mark.parametrize("back", [False, True], ids=["", "back"])
@pytest.mark.parametrize("seed", range(3))
async def test_periods_tile_whatever_is_edited(connection: Connection, seed: int, back: bool) -> None:
    """Edits of schedule, zone and enabled, outages, and superseded runs, at random over some weeks; real ticks.

    Then also a clock that is set back by minutes or hours.
    """
    draw = random.Random(seed)  # noqa: S311 (nothing is secret here)
    organizations = [await add_organization(connection, zone=draw.choice(ZONES)) for _ in range(6)]
    # In the order in which they were made: an order of their ids, which are random, would be another story each time.
    ids = []
    for _ in range(30):
        kind, org_id = draw.choice(list(SETTINGS.types)), draw.choice(organizations)
        ids.append(await add_integration(connection, draw.choice(SCHEDULES), kind, org_id=org_id))
    now = utc("2026-10-20T00:00:00")
    await install_clock(connection, now)
    await tick(connection, SETTINGS, scheduler="test")
    for _ in range(40):
        now += timedelta(seconds=draw.choice([30, 30, 60, draw.randrange(1, 7200), draw.randrange(3600, 300_000)]))
        if back and draw.random() < 0.4:
            now -= timedelta(seconds=draw.choice([60, 600, draw.randrange(1, 20_000)]))
        for one in draw.sample(ids, 6):
            await connection.execute(
                "update organization_integrations set cron_schedule = $2, is_enabled = $3 where id::text = $1",
                one,
                draw.choice(SCHEDULES),
                draw.random() < 0.8,
            )
        await connection.execute(
            "update organizations set timezone = $2 where id::text = $1", draw.choice(organizations), draw.choice(ZONES)
        )
        await set_clock(connection, now)
        done = await tick(connection, SETTINGS, scheduler="test")
        if draw.random() < 0.3:
            # Before the next tick, by edits of their rows.
            await connection.execute(
                SUPERSEDE + "where id = any($1::bigint[]) and not exists (select from synkron.runs later "
                "where later.integration_id = runs.integration_id and later.scheduled_for > runs.scheduled_for)",
                done.run_ids,
            )
    rows = sorted(await history.runs(connection, limit=100_000), key=lambda row: row.integration_id)
    assert {row.action for row in rows} == {"run", "merge", "skip", "expire"}
    for _, of_one in groupby(rows, key=lambda row: row.integration_id):
        decided = list(of_one)
        tiles = kept(decided)
        if not back:
            assert [start for start, _ in tiles[1:]] == [end for _, end in tiles[:-1]]
            continue
        # A moment may now come within time that a later row skipped or let expire: it runs, which doubles nothing.
        assert all(start is not None and start <= end for (_, end), (start, _) in pairwise(tiles))
        delivered = kept([row for row in decided if row.state != "skipped"])
        assert all(start is not None and start >= end for (_, end), (start, _) in pairwise(delivered))


@pytest.mark.own_database
async def test_a_tick_that_waited_for_another_decides_by_the_clock_of_after_it(
    database: Database, connection: Connection
) -> None:
    """Were it to decide by the clock of before, it would decide a moment after its successor."""
    await install_clock(connection, utc("2026-11-28T11:59:00"))
    await connection.execute("create table test_clock.clock as select '2026-11-28 11:59Z'::timestamptz as at")
    for name in ("now", "clock_timestamp"):
        await connection.execute(
            f"create or replace function test_clock.{name}() returns timestamptz language sql stable "
            "as $$ select at from test_clock.clock $$"
        )
    integration = await add_integration(connection, "* * * * *")
    await tick(connection, SETTINGS, scheduler="before")
    await connection.execute("update organization_integrations set is_enabled = false")
    await connection.execute("update test_clock.clock set at = '2026-11-28 12:00:15Z'")
    await tick(connection, SETTINGS, scheduler="disabled")
    await connection.execute("update organization_integrations set is_enabled = true")
    other = await asyncpg.connect(database.url)
    await other.execute("set search_path = test_clock, pg_catalog, public")
    async with connection.transaction():
        await connection.execute("update test_clock.clock set at = '2026-11-28 12:00:31Z'")
        await tick(connection, SETTINGS, scheduler="first")
        waiting = asyncio.create_task(tick(other, SETTINGS, scheduler="waited"))
        await blocked(connection)
    assert (await waiting).at == utc("2026-11-28T12:00:31")
    await other.close()
    runs = await connection.fetch(
        "select scheduled_for, period_start from synkron.runs where integration_id = $1 order by 1", integration
    )
    assert [(row["period_start"], row["scheduled_for"]) for row in runs] == [
        (utc("2026-11-28T11:58:00"), utc("2026-11-28T11:59:00")),
        (utc("2026-11-28T11:59:00"), utc("2026-11-28T12:01:00")),
    ]


async def test_a_backfilled_moment_has_the_period_of_its_own_row(connection: Connection) -> None:
    """And not that of the schedule as it stands by then."""
    one = await add_integration(connection, "0 2 1 * *")
    await install_clock(connection, utc("2026-11-01T02:00:00") - AHEAD)
    await tick(connection, SETTINGS, scheduler="test")
    await connection.execute(
        SUPERSEDE.replace("superseded: an edit", "cancelled by kari") + "where integration_id = $1", one
    )
    await connection.execute("update organization_integrations set cron_schedule = '0 2 * * *'")
    begin, end = utc("2026-11-01T02:00:00"), utc("2026-11-01T02:00:00") + HALF
    await set_clock(connection, end)
    await connection.execute("update synkron.watermark set at = $1", end)
    async with read_transaction(connection) as now:
        plan = await plan_backfill(connection, SETTINGS, AskedBackfill(Scope(integration_id=one), begin, end), now)
    assert [(planned.period_start, planned.scheduled_for) for planned in plan.runs] == [
        (utc("2026-10-01T02:00:00"), begin)
    ]
