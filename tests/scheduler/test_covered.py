"""A moment that is seen for the first time after the run whose period has it: it is merged into that run (G5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from synkron.ledger import history
from synkron.ledger.history import RecordedRun
from synkron.model import Scope
from synkron.operations.backfill import AskedBackfill, plan_backfill
from synkron.operations.backfill_plan import BackfillOutcome
from synkron.operations.transaction import read_transaction
from synkron.reports.verify.store import verify
from synkron.reports.why.sentences import explain
from synkron.reports.why.store import read_facts
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.support.fleet import add_integration, utc
from tests.support.rolled_back import rolled_back
from tests.support.stepped_clock import install_clock, set_clock
from tests.support.turns import skip

connection = rolled_back

SETTINGS = Settings(types={"xledger": TypeSettings(), "dynamics": TypeSettings()})
HALF = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
ROW = "update organization_integrations set "
# What keeps a row from being decided, and what mends it.
HINDRANCES = {
    "disabled": (ROW + "is_enabled = false", ROW + "is_enabled = true"),
    "a schedule that can't be read": (ROW + "cron_schedule = '* *'", ROW + "cron_schedule = '* * * * *'"),
    "another schedule": (ROW + "cron_schedule = '0 0 1 1 *'", ROW + "cron_schedule = '* * * * *'"),
    "no schedule": (ROW + "cron_schedule = null", ROW + "cron_schedule = '* * * * *'"),
}


def at(clock: str) -> datetime:
    return utc(f"2026-11-27T{clock}")


async def tick_at(connection: Connection, clock: str, settings: Settings = SETTINGS) -> None:
    await set_clock(connection, at(clock))
    await tick(connection, settings, scheduler="test")


async def hindered(connection: Connection, hindrance: str) -> str:
    """A row of every minute that could not be decided from 23:40 to 23:44; its run of 23:45 covers these."""
    break_it, mend_it = HINDRANCES[hindrance]
    integration = await add_integration(connection, "* * * * *")
    await install_clock(connection, at("23:38:31"))
    await tick(connection, SETTINGS, scheduler="test")
    await connection.execute(break_it)
    for clock in ("23:39:31", "23:40:31", "23:41:31", "23:42:31", "23:43:31"):
        await tick_at(connection, clock)
    await connection.execute(mend_it)
    await tick_at(connection, "23:44:31")
    return integration


async def rows(connection: Connection) -> list[RecordedRun]:
    return sorted(await history.runs(connection), key=lambda one: one.scheduled_for)


def told(recorded: list[RecordedRun]) -> list[tuple[str, str, str | None]]:
    return [
        (f"{one.scheduled_for:%H:%M}", one.action, f"{one.period_start:%H:%M}" if one.period_start else None)
        for one in recorded
        if one.action != "merge"
    ]


@pytest.mark.parametrize("hindrance", HINDRANCES)
async def test_after_a_step_back_of_the_clock(connection: Connection, hindrance: str) -> None:
    """The ticks see 23:42 to 23:44 anew, and the row is due then; its time was claimed with 23:45."""
    integration = await hindered(connection, hindrance)
    for clock in ("23:41:31", "23:42:01", "23:42:31", "23:43:31", "23:44:01", "23:44:31", "23:45:01", "23:45:31"):
        await tick_at(connection, clock)
    recorded = await rows(connection)
    assert told(recorded) == [("23:39", "run", "23:38"), ("23:45", "run", "23:39"), ("23:46", "run", "23:45")]
    merged = [one for one in recorded if one.action == "merge"]
    assert [f"{one.scheduled_for:%H:%M}" for one in merged] == ["23:42", "23:43", "23:44"]
    assert {one.reason for one in merged} == {"in the period of the run of 2026-11-27T23:45Z, which was claimed before"}
    report = await verify(connection, SETTINGS, at("23:38:30"), at("23:46:00"))
    assert [one.message for one in report.findings if one.kind in ("missed", "doubled")] == []
    [facts] = await read_facts(connection, SETTINGS, at("23:43:00"), Scope(integration_id=integration))
    run = next(one.id for one in recorded if f"{one.scheduled_for:%H:%M}" == "23:45")
    assert f"It is in the period of run {run} (" in " ".join(explain(facts))
    asked = AskedBackfill(Scope(integration_id=integration), at("23:42:00"), at("23:46:00"))
    async with read_transaction(connection) as now:
        plan = await plan_backfill(connection, SETTINGS, asked, now)
    assert [(one.fate, one.run_id) for one in plan.occurrences[:3]] == [(BackfillOutcome.COVERED, run)] * 3


@pytest.mark.parametrize("hindrance", HINDRANCES)
async def test_a_replay(connection: Connection, hindrance: str) -> None:
    await hindered(connection, hindrance)
    done = await tick(connection, SETTINGS, scheduler="test", source="once", at=at("23:43:00"))
    assert (done.due, done.claimed, done.skipped) == (1, 0, 1)
    assert told(await rows(connection)) == [("23:39", "run", "23:38"), ("23:45", "run", "23:39")]


async def test_a_run_that_took_over_the_time_of_a_superseded_one(connection: Connection) -> None:
    """A replayed minute is merged into the run that is delivered; a backfill knows that, too."""
    integration = await hindered(connection, "disabled")
    await tick_at(connection, "23:45:31")
    [superseded] = await connection.fetch("select id from synkron.runs where scheduled_for = '2026-11-27 23:45Z'")
    assert await skip(connection, superseded["id"], "superseded: the schedule is now another", 0)
    await tick(connection, SETTINGS, scheduler="test", source="once", at=at("23:42:00"))
    [taker] = await connection.fetch("select id from synkron.runs where scheduled_for = '2026-11-27 23:46Z'")
    asked = AskedBackfill(Scope(integration_id=integration), at("23:41:00"), at("23:44:00"))
    async with read_transaction(connection) as now:
        plan = await plan_backfill(connection, SETTINGS, asked, now)
    assert [(one.fate, one.run_id) for one in plan.occurrences] == [(BackfillOutcome.COVERED, taker["id"])] * 3


async def test_a_hold_that_began_after_a_step_back(connection: Connection) -> None:
    """It is paused from 23:42 to 23:47, both seen after 23:45 was claimed: what it missed begins there."""
    await hindered(connection, "disabled")
    await connection.execute(
        "insert into synkron.pauses (author, reason, starts_at, until) "
        "values ('kari', 'maintenance', '2026-11-27 23:41Z', '2026-11-27 23:47Z')"
    )
    for clock in ("23:41:31", "23:42:31", "23:43:31", "23:44:31", "23:45:31"):
        await tick_at(connection, clock)
    for clock in ("23:46:31", "23:47:01", "23:47:31"):
        await tick_at(connection, clock)
    assert told(await rows(connection)) == [
        ("23:39", "run", "23:38"),
        ("23:45", "run", "23:39"),
        ("23:46", "run", "23:45"),
        ("23:47", "run", "23:46"),
        ("23:48", "run", "23:47"),
    ]


async def test_moments_that_one_row_records_as_expired(connection: Connection) -> None:
    """The clock is set back into an outage of two days, of which nothing was run: nothing is decided again."""
    settings = Settings(types={"xledger": TypeSettings(catch_up_window=timedelta(hours=1))})
    await add_integration(connection, "* * * * *")
    await install_clock(connection, utc("2026-11-25T11:59:31"))
    await tick(connection, settings, scheduler="test")
    await tick_at(connection, "12:00:01", settings)
    before = told(await rows(connection))
    assert [action for _, action, _ in before[1:-2]] == ["expire"]
    for clock in ("10:00:01", "10:00:31", "10:01:01"):
        await tick_at(connection, clock, settings)
    assert told(await rows(connection)) == before
