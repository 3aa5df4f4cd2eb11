"""What a tick decides after an outage, and how its runs are then delivered."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from synkron.ledger import history
from synkron.ledger.history import RecordedRun
from synkron.postgres.connection import Pool
from synkron.postgres.statements import source_statements, statements
from synkron.scheduler.tick import tick
from synkron.settings.load import IntegrationsTable, Settings, SourceTables, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, nothing_queued, utc, watching
from tests.support.stepped_clock import install_clock, set_clock
from tests.support.working import Recorder, working

MINUTE = timedelta(minutes=1)
SIX = utc("2026-03-02T06:00:20")


async def end_outage(connection: Connection, settings: Settings, *, since: str, now: datetime = SIX) -> None:
    """A tick at ``now``, the first one since ``since``."""
    await install_clock(connection, now)
    await connection.execute("insert into synkron.watermark (at) values ($1)", utc(since))
    await tick(connection, settings, scheduler="test")


def of_type(**policy: object) -> Settings:
    return Settings(types={"xledger": TypeSettings(**policy)})


def oldest_first(rows: list[RecordedRun]) -> list[RecordedRun]:
    return sorted(rows, key=lambda row: row.scheduled_for)


# requirement R17.3
@pytest.mark.parametrize(
    ("catch_up", "actions"),
    [
        (CatchUp.LATEST, {"expire": 2, "merge": 1, "run": 2}),
        (CatchUp.ALL, {"expire": 2, "run": 3}),
        (CatchUp.SKIP, {"expire": 2, "skip": 2, "run": 1}),
    ],
)
async def test_every_missed_occurrence_has_a_row(
    connection: Connection, catch_up: CatchUp, actions: dict[str, int]
) -> None:
    """Hourly, from 01 to 06; the catch-up window reaches back to 04, and 06 is on time."""
    await add_integration(connection, "0 * * * *")
    settings = of_type(catch_up=catch_up, catch_up_window=timedelta(hours=2, minutes=30))
    await end_outage(connection, settings, since="2026-03-02T01:30:00")
    rows = oldest_first(await history.runs(connection))
    assert [row.scheduled_for.hour for row in rows] == [2, 3, 4, 5, 6]
    assert Counter(row.action for row in rows) == actions
    kept = [row for row in rows if row.action != "merge"]
    assert all(later.period_start == earlier.period_end for earlier, later in pairwise(kept))
    assert rows[-1].source == "schedule"


async def test_all_are_delivered_oldest_first_and_one_at_a_time(
    database: Database, connection: Connection, pool: Pool
) -> None:
    settings = of_type(catch_up="all")
    for _ in range(2):
        await add_integration(connection, "*/10 * * * *")
    minute = await connection.fetchval("select date_trunc('minute', now())")
    await connection.execute("insert into synkron.watermark (at) values ($1)", minute - MINUTE * 60)
    done = await tick(connection, settings, scheduler="test")
    assert done.claimed >= 10
    target = Recorder()
    async with watching(database) as until, working(pool, target, settings):
        await until(nothing_queued)
    for integration in {call.integration_id for call in target.calls}:
        moments = [call.scheduled_for for call in target.calls if call.integration_id == integration]
        assert moments == sorted(moments)
        assert len(moments) == done.claimed // 2
    assert target.most_at_once <= 2


async def test_recovery_keeps_the_pace_and_organizations_take_turns(connection: Connection) -> None:
    """Forty runs were missed at five a minute: eight minutes, and the small organization is not the last."""
    crowd, small = await add_organization(connection), await add_organization(connection, "Vik")
    for _ in range(39):
        await add_integration(connection, "0 5 * * *", org_id=crowd)
    await add_integration(connection, "0 5 * * *", org_id=small)
    await end_outage(connection, of_type(pace=5), since="2026-03-02T04:30:00")
    starts = await connection.fetch("select org_id, execute_after from synkron.runs order by execute_after")
    assert Counter(row["execute_after"].minute for row in starts) == dict.fromkeys(range(1, 9), 5)
    assert small in {row["org_id"] for row in starts[:2]}
    gaps = {later["execute_after"] - earlier["execute_after"] for earlier, later in pairwise(starts)}
    assert gaps == {timedelta(seconds=12)}


async def test_a_minute_that_is_ticked_twice_takes_its_starts_once(connection: Connection) -> None:
    for _ in range(4):
        await add_integration(connection, "0 6 * * *")
    settings = of_type(pace=10)
    await end_outage(connection, settings, since="2026-03-02T05:59:00", now=utc("2026-03-02T05:59:30.020"))
    await set_clock(connection, utc("2026-03-02T06:00:00.020"))
    await tick(connection, settings, scheduler="test")
    assert [tuple(row) for row in await connection.fetch("select minute, starts from synkron.pace")] == [
        (utc("2026-03-02T06:00:00"), 4)
    ]


# requirement R17.4
async def test_spread_starts_are_stable_and_drift_is_measured_from_both_moments(
    database: Database, connection: Connection, pool: Pool
) -> None:
    settings = of_type(spread=timedelta(milliseconds=1500))
    await add_integration(connection, "* * * * *")
    minute = await connection.fetchval("select date_trunc('minute', now())")
    await connection.execute("insert into synkron.watermark (at) values ($1)", minute - MINUTE / 2)
    await tick(connection, settings, scheduler="test", at=minute)
    async with watching(database) as until, working(pool, Recorder(), settings):
        await until(nothing_queued)
    row = await connection.fetchrow("select * from synkron.runs where state = 'succeeded'")
    assert row is not None
    spread = row["execute_after"] - row["scheduled_for"]
    assert timedelta() < spread < timedelta(milliseconds=1500)
    assert row["drift"] == row["started_at"] - row["scheduled_for"]
    assert row["start_delay"] == row["drift"] - spread


@pytest.mark.own_database
async def test_a_schedule_is_not_applied_to_the_time_before_its_edit(connection: Connection) -> None:
    """The optional column says since when the row is as it is: what would have fired before is recorded, not run."""
    await connection.execute("alter table organization_integrations add column changed_at timestamptz")
    settings = Settings(source=SourceTables(integrations=IntegrationsTable(updated_at="changed_at")))
    edited, unknown = await add_integration(connection, "0 * * * *"), await add_integration(connection, "0 * * * *")
    await connection.execute(
        "update organization_integrations set changed_at = $1 where id::text = $2", utc("2026-03-02T04:30:00"), edited
    )
    await end_outage(connection, settings, since="2026-03-02T02:30:00", now=utc("2026-03-02T05:30:00"))
    rows = oldest_first(await history.runs(connection))
    assert [(row.scheduled_for.hour, row.action) for row in rows if row.integration_id == edited] == [
        (3, "skip"),
        (4, "skip"),
        (5, "run"),
    ]
    assert [row.action for row in rows if row.integration_id == unknown] == ["merge", "merge", "run"]
    (skipped, *_) = [row for row in rows if row.action == "skip"]
    assert "edited at 2026-03-02T04:30Z" in skipped.reason


async def test_an_integration_has_a_policy_of_its_own(connection: Connection) -> None:
    one, other = await add_integration(connection, "0 * * * *"), await add_integration(connection, "0 * * * *")
    await connection.execute("insert into synkron.overrides (integration_id, catch_up) values ($1, 'skip')", one)
    await end_outage(connection, Settings(), since="2026-03-02T04:30:00", now=utc("2026-03-02T05:30:00"))
    rows = await history.runs(connection)
    assert {row.integration_id: row.action for row in rows} == {one: "skip", other: "run"}


@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
async def test_a_pause_that_ends_in_the_half_minute_ahead_of_a_moment(
    connection: Connection, catch_up: CatchUp
) -> None:
    """The moment ahead is free, those held before are not yet. Claimed alone, it could not cover them."""
    await add_integration(connection, "0 * * * *")
    settings = of_type(catch_up=catch_up)
    await end_outage(connection, settings, since="2026-03-02T09:00:30", now=utc("2026-03-02T09:01:00"))
    await connection.execute(
        "insert into synkron.pauses (reason, author, starts_at, until) values ('month end', 'kari', $1, $2)",
        utc("2026-03-02T09:02:00"),
        utc("2026-03-02T13:59:50"),
    )
    for now in ("2026-03-02T10:00:00", "2026-03-02T13:59:35", "2026-03-02T14:00:35"):
        await set_clock(connection, utc(now))
        await tick(connection, settings, scheduler="test")
    delivered = oldest_first([row for row in await history.runs(connection) if row.action == "run"])
    assert delivered[0].period_start == utc("2026-03-02T09:00:00")
    assert all(later.period_start == earlier.period_end for earlier, later in pairwise(delivered))
    assert delivered[-1].scheduled_for == utc("2026-03-02T14:00:00")


@pytest.mark.own_database
async def test_a_pause_that_outlasts_the_retention_stops_nobody(connection: Connection) -> None:
    settings = of_type().model_copy(update={"retention": timedelta(days=60)})
    held = await add_integration(connection, "0 0 * * *")
    other = await add_integration(connection, "0 6 * * *")
    await connection.execute("insert into synkron.held values ($1, $2)", held, SIX - timedelta(days=150))
    await end_outage(connection, settings, since="2026-03-02T05:59:00")
    rows = await history.runs(connection)
    assert [row.integration_id for row in rows if row.scheduled_for.hour == 6] == [other]
    oldest = min(row.scheduled_for for row in rows if row.integration_id == held)
    assert timedelta(days=59) <= SIX - oldest <= timedelta(days=60)


async def test_a_replay_keeps_the_pace(connection: Connection) -> None:
    for _ in range(3):
        await add_integration(connection, "0 5 * * *")
    settings = of_type(pace=1)
    await end_outage(connection, settings, since="2026-03-02T05:30:00")
    await tick(connection, settings, scheduler="test", at=utc("2026-03-02T05:00:00"))
    starts = await connection.fetch("select execute_after from synkron.runs order by execute_after")
    assert [row["execute_after"].minute for row in starts] == [1, 2, 3]


@pytest.mark.own_database
@pytest.mark.parametrize("paused", [False, True])
async def test_pauses_are_joined_and_not_called_for_each_row(connection: Connection, *, paused: bool) -> None:
    """Calling the function for each of 100,000 rows would take a tick longer than there is between two."""
    await connection.execute(
        "insert into synkron.held select number::text, now() from generate_series(1, 20000) number"
    )
    if paused:
        await connection.execute("insert into synkron.pauses (reason, author) values ('month end', 'kari')")
    await connection.execute("select synkron.keep_partitions(now(), now(), now() - interval '400 days')")
    await connection.execute("analyze synkron.held, synkron.pauses")
    released = source_statements("scheduler/holds", SourceTables())["released"]
    for statement, *arguments in ((released, SIX), (statements("ledger/claims")["without_job"],)):
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement}", *arguments))
        assert re.search(r"Anti Join(?s:.*)on pauses", plan), plan
