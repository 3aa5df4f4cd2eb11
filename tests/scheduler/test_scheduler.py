"""The tick: what is due is claimed once, in one transaction, by whichever scheduler comes first."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from synkron.errors import NaiveDatetimeError, Refused
from synkron.ledger import history
from synkron.scheduler.tick import Tick, next_tick, tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.rolled_back import rolled_back

connection = rolled_back

MINUTE = timedelta(minutes=1)


async def tick_at(connection: Connection, at: str | None = None, settings: Settings | None = None) -> Tick:
    moment = None if at is None else utc(at)
    return await tick(connection, settings or Settings(), scheduler="test", source="once", at=moment)


# requirement R15
async def test_a_tick_claims_the_minute_ahead_and_the_next_finds_nothing_left(connection: Connection) -> None:
    one = await add_integration(connection, "* * * * *")
    first = await tick_at(connection)
    assert (first.due, first.claimed, first.skipped, first.invalid) == (1, 1, 0, ())
    assert first.window.end - first.at == timedelta(seconds=30)
    (run,) = await history.runs(connection)
    assert (run.id, run.integration_id, run.state, run.action, run.reason) == (
        first.run_ids[0],
        one,
        "claimed",
        "run",
        "on time",
    )
    assert run.period_end == run.scheduled_for
    assert run.period_start == run.scheduled_for - MINUTE
    assert (await tick_at(connection)).run_ids == ()


async def test_the_tick_leaves_a_row(connection: Connection) -> None:
    await add_integration(connection, "* * * * *")
    await add_integration(connection, "99 * * * *")
    done = await tick_at(connection)
    row = await connection.fetchrow("select * from synkron.ticks")
    assert row is not None
    assert (row["at"], row["window_end"], row["source"], row["scheduler"]) == (
        done.at,
        done.window.end,
        "once",
        "test",
    )
    assert (row["due"], row["claimed"], row["skipped"], row["invalid"]) == (1, 1, 0, 1)
    assert await connection.fetchval("select at from synkron.watermark") == done.window.end


# requirement R5
async def test_a_plain_sql_edit_changes_what_the_next_tick_decides(connection: Connection) -> None:
    """G1: schedule, switch and zone."""
    one = await add_integration(connection, "0 2 * * *")
    decided = []
    for day, edit in enumerate(
        [
            "select 1",
            "update organization_integrations set cron_schedule = '0 3 * * *'",
            "update organization_integrations set cron_schedule = '0 2 * * *'",
            "update organization_integrations set is_enabled = false",
            "update organization_integrations set is_enabled = true",
            "update organizations set timezone = 'Europe/Oslo'",
            "update organizations set timezone = null",
        ],
        start=1,
    ):
        await connection.execute(edit)
        decided.append((await tick_at(connection, f"2026-03-0{day}T02:00:00")).claimed)
    assert decided == [1, 0, 1, 0, 1, 0, 1]
    assert {run.integration_id for run in await history.runs(connection)} == {one}


async def test_one_tick_for_many_organizations_in_many_zones(connection: Connection) -> None:
    zones = {"Europe/Oslo": "0 3 * * *", "Asia/Kathmandu": "45 7 * * *", "+02:00": "0 4 * * *", "UTC": "0 2 * * *"}
    for zone, schedule in zones.items():
        org_id = await add_organization(connection, zone, zone)
        for kind in ("xledger", "dynamics", "bufdir"):
            await add_integration(connection, schedule, kind, org_id=org_id)
    done = await tick_at(connection, "2026-03-02T02:00:00")
    assert (done.due, done.claimed) == (12, 12)


async def test_an_outage_ends_with_one_run_that_covers_it(connection: Connection) -> None:
    await connection.execute("insert into synkron.watermark (at) values (now() - interval '10 minutes')")
    await add_integration(connection, "* * * * *")
    done = await tick_at(connection)
    assert done.due in (10, 11)
    assert (done.claimed, done.claimed + done.skipped) == (2, done.due)
    *_, newest_missed, on_time = sorted(await history.runs(connection), key=lambda run: run.scheduled_for)
    assert (newest_missed.source, on_time.source) == ("catch_up", "schedule")
    assert newest_missed.period_start == newest_missed.scheduled_for - (done.due - 1) * MINUTE
    assert on_time.period_start == newest_missed.scheduled_for
    merged = [run for run in await history.runs(connection, state="skipped") if run.action == "merge"]
    assert len(merged) == done.due - 2
    assert all("merged into" in run.reason for run in merged)


async def test_an_outage_with_catch_up_skip(connection: Connection) -> None:
    await connection.execute("insert into synkron.watermark (at) values (now() - interval '10 minutes')")
    await add_integration(connection, "* * * * *")
    settings = Settings(types={"xledger": TypeSettings(catch_up=CatchUp.SKIP)})
    done = await tick_at(connection, settings=settings)
    assert (done.claimed, done.skipped) == (1, done.due - 1)
    assert {run.action for run in await history.runs(connection, state="skipped")} == {"skip"}


async def test_a_first_boot_never_fires_the_past(connection: Connection) -> None:
    for minute in range(60):
        await add_integration(connection, f"{minute} * * * *")
    assert (await tick_at(connection)).due == 1


@pytest.mark.usefixtures("no_partitions")
async def test_two_schedulers_that_tick_at_once(database: Database, own_connection: Connection) -> None:
    for _ in range(50):
        await add_integration(own_connection, "* * * * *")
    other = await asyncpg.connect(database.url)
    ticks = await asyncio.gather(tick_at(own_connection, "2026-03-02T02:00:00"), tick_at(other, "2026-03-02T02:00:00"))
    assert sorted(done.claimed for done in ticks) == [0, 50]
    assert [done.due for done in ticks] == [50, 50]
    await other.close()


async def test_a_tick_that_fails_halfway_leaves_nothing(connection: Connection) -> None:
    await add_integration(connection, "* * * * *")
    await tick_at(connection)
    before = await connection.fetchrow("select at, (select count(*) from synkron.ticks) from synkron.watermark")
    await add_integration(connection, "* * * * *")
    await connection.execute("alter table synkron.queue add constraint full_disk check (false) not valid")
    with pytest.raises(asyncpg.CheckViolationError):
        await tick_at(connection)
    assert await connection.fetchrow("select at, (select count(*) from synkron.ticks) from synkron.watermark") == before
    assert len(await history.runs(connection)) == 1
    await connection.execute("alter table synkron.queue drop constraint full_disk")
    assert (await tick_at(connection)).claimed == 1


@pytest.mark.usefixtures("no_partitions")
async def test_a_moment_given_leaves_the_watermark_where_it_is(connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    await connection.execute("insert into synkron.watermark (at) values (now() - interval '3 hours')")
    before = await connection.fetchval("select at from synkron.watermark")
    assert (await tick_at(connection, "2026-03-02T02:00:00")).claimed == 1
    assert (await tick_at(connection, "2026-03-02T02:00:00")).claimed == 0
    assert await connection.fetchval("select at from synkron.watermark") == before


async def test_a_moment_ahead_or_without_a_zone_is_refused(connection: Connection) -> None:
    with pytest.raises(Refused, match="a tick claims what is due"):
        await tick_at(connection, "2999-01-01T00:00:00")
    with pytest.raises(NaiveDatetimeError):
        await tick(connection, Settings(), scheduler="test", at=datetime(2026, 3, 2, 2, 0))  # noqa: DTZ001
    assert await connection.fetchval("select count(*) from synkron.ticks") == 0


@pytest.mark.parametrize("minutes_ago", [5, 1, 0])
async def test_a_moment_given_ahead_of_the_watermark_leaves_no_hole(connection: Connection, minutes_ago: int) -> None:
    """In the middle of an outage, or at its end: what lies before the moment is caught up with it."""
    await connection.execute("insert into synkron.watermark (at) values (now() - interval '10 minutes')")
    await add_integration(connection, "* * * * *")
    now = await connection.fetchval("select now()")
    await tick(connection, Settings(), scheduler="test", at=now - MINUTE * minutes_ago)
    await tick_at(connection)
    runs = sorted(await history.runs(connection), key=lambda run: run.scheduled_for)
    assert [later.scheduled_for - run.scheduled_for for run, later in pairwise(runs)] == [MINUTE] * (len(runs) - 1)
    assert len(runs) in (10, 11)
    delivered = [run for run in runs if run.action == "run"]
    assert [run.period_end for run in delivered[:-1]] == [run.period_start for run in delivered[1:]]
    assert delivered[0].period_start == runs[0].period_start


async def test_a_replayed_run_says_so(connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    await tick_at(connection, "2026-03-02T02:00:00")
    (run,) = await history.runs(connection)
    assert (run.source, run.reason) == ("catch_up", "replayed: a tick was asked for this moment")


@pytest.mark.usefixtures("no_partitions")
async def test_two_schedulers_that_end_an_outage_at_once(database: Database, own_connection: Connection) -> None:
    """The second finds the watermark moved: one set of runs, whose periods are the first's."""
    await own_connection.execute("insert into synkron.watermark (at) values (now() - interval '10 minutes')")
    for _ in range(20):
        await add_integration(own_connection, "* * * * *")
    others = [await asyncpg.connect(database.url) for _ in range(3)]
    ticks = await asyncio.gather(*(tick_at(one) for one in (own_connection, *others)))
    assert sorted(done.claimed > 0 for done in ticks) == [False, False, False, True]
    runs = await history.runs(own_connection)
    assert len({(run.integration_id, run.scheduled_for) for run in runs}) == len(runs) >= 200
    assert sum(done.claimed + done.skipped for done in ticks) == len(runs)
    assert await own_connection.fetchval("select at from synkron.watermark") == max(done.window.end for done in ticks)
    for other in others:
        await other.close()


async def test_a_moment_before_the_retention_is_refused(connection: Connection) -> None:
    """Its ledger is forgotten: what ran then could run twice."""
    with pytest.raises(Refused, match="before the retention of 400 days"):
        await tick_at(connection, "2020-03-02T02:00:00")


@pytest.mark.usefixtures("no_partitions")
async def test_an_outage_longer_than_the_retention(connection: Connection) -> None:
    """What was due before the retention is gone; what was due since then is recorded."""
    await connection.execute("insert into synkron.watermark (at) values (now() - interval '1200 days')")
    await add_integration(connection, "0 2 29 2 *")
    await add_integration(connection, "0 2 1 * *")
    done = await tick_at(connection)
    expired = [run for run in await history.runs(connection) if run.action == "expire"]
    assert 12 <= len(expired) <= 14
    assert done.window.start > done.at - timedelta(days=401)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-03-02T02:00:00", "2026-03-02T02:00:30"),
        ("2026-03-02T02:00:29.999999", "2026-03-02T02:00:30"),
        ("2026-03-02T02:00:30", "2026-03-02T02:01:00"),
        ("2026-03-02T23:59:59.5", "2026-03-03T00:00:00"),
    ],
)
def test_the_next_tick_is_at_the_next_half_minute(now: str, then: str) -> None:
    assert next_tick(utc(now)) == utc(then)


async def test_a_replay_leaves_what_a_pause_holds_to_its_end(connection: Connection) -> None:
    """A run of its own amid the held ones would take the place of the one that is to cover them."""
    one = await add_integration(connection, "* * * * *")
    now = await connection.fetchval("select date_trunc('minute', now())")
    await connection.execute("insert into synkron.watermark (at) values (now() + interval '1 minute')")
    await connection.execute("insert into synkron.held values ($1, $2)", one, now - MINUTE * 10)
    replayed = await tick(connection, Settings(), scheduler="test", source="once", at=now - MINUTE * 5)
    assert (replayed.claimed, replayed.held) == (0, 1)
    await tick(connection, Settings(), scheduler="test")
    (run,) = [run for run in await history.runs(connection) if run.source == "catch_up" and run.action == "run"]
    assert run.period_start == now - MINUTE * 10
