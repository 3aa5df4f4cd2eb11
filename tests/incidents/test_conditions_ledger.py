"""What is so right now: each kind holds, does not hold just below its threshold, and goes away."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.store import read_conditions
from synkron.ledger import history
from synkron.model import EVERYTHING, Fault, InvalidIntegration
from synkron.postgres.connection import Pool
from synkron.postgres.statements import source_statements
from synkron.scheduler.tick import tick
from synkron.settings.load import AnnounceSettings, Settings, SourceTables, TypeSettings
from synkron.vendors.health import Watch
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, nothing_queued, utc, watching
from tests.support.late_runs import MINUTE, add_attempt, add_job, add_run, make_room
from tests.support.rolled_back import rolled_back
from tests.support.working import QUICK, Recorder, working

connection = rolled_back

NOON = utc("2026-03-02T12:00:00")
SECOND = timedelta(seconds=1)
LATE = NOON - 5 * MINUTE - SECOND
SETTINGS = Settings()
VENDOR = "https://vendor.example/"
WATCH = Watch(VENDOR, ("xledger",), True, 15 * MINUTE, MINUTE, MINUTE, most_probes=500)


@pytest.fixture(scope="module")
async def kept_connection(kept_connection: Connection) -> Connection:
    """Its ledger has room for the months before noon, and keeps it."""
    await make_room(kept_connection, NOON)
    return kept_connection


@pytest.fixture
async def fjord(connection: Connection) -> str:
    """An organization."""
    return await add_organization(connection)


async def told(
    connection: Connection, at: datetime = NOON, *, settings: Settings = SETTINGS, **given: Any
) -> list[Condition]:
    """Every condition at the moment; ``watches`` and ``invalid`` may be given."""
    arguments: dict[str, Any] = {"watches": [], "invalid": []} | given
    return await read_conditions(connection, settings, arguments["watches"], arguments["invalid"], at)


# Drift


async def test_a_delay_because_no_worker_runs(database: Database, own_connection: Connection, pool: Pool) -> None:
    """One condition that names organization, type and stage; it is gone 15 minutes after the run has started."""
    settings = QUICK
    integration = await add_integration(own_connection, "* * * * *")
    org_id = await own_connection.fetchval("select org_id::text from organization_integrations")
    now: datetime = await own_connection.fetchval("select now()")
    moment = now.replace(second=0, microsecond=0) - 7 * MINUTE
    await own_connection.execute("insert into synkron.watermark (at) values ($1)", moment - MINUTE / 2)
    await tick(own_connection, settings, scheduler="test", at=moment)
    # As it would stand had the tick come at its time.
    await own_connection.execute("update synkron.runs set claimed_at = $1", moment - MINUTE / 2)
    await own_connection.execute("update synkron.queue set created = $1", moment - MINUTE / 2)
    assert await _drift(own_connection, moment + 5 * MINUTE, settings) == []
    for _ in range(2):
        [condition] = await _drift(own_connection, now, settings)
        assert condition.subject == f"{org_id} xledger"
        assert (condition.org_id, condition.integration_type) == (org_id, "xledger")
        assert condition.touches["stage"] == "worker"
        assert re.match(r"xledger of Fjord is [78] minutes late and has not started \(stage worker\)", condition.title)
    async with watching(database) as until, working(pool, Recorder(), settings):
        await until(nothing_queued)
    [run] = await history.runs(own_connection)
    assert (run.integration_id, run.state) == (integration, "succeeded")
    assert run.started_at is not None
    [condition] = await _drift(own_connection, run.started_at + SECOND, settings)
    assert re.match(r"xledger of Fjord started [78] minutes late \(stage worker\)", condition.title)
    assert len(await _drift(own_connection, run.started_at + 15 * MINUTE - SECOND, settings)) == 1
    assert await _drift(own_connection, run.started_at + 15 * MINUTE, settings) == []


async def _drift(connection: Connection, at: datetime, settings: Settings = SETTINGS) -> list[Condition]:
    return [one for one in await told(connection, at, settings=settings) if one.kind is IncidentKind.DRIFT]


# requirement R17.5
@pytest.mark.parametrize(
    ("run", "is_late"),
    [
        ({"scheduled_for": LATE}, True),
        ({"scheduled_for": NOON - 5 * MINUTE}, False),
        ({"scheduled_for": NOON - 60 * MINUTE, "execute_after": NOON - 4 * MINUTE}, False),
        ({"scheduled_for": NOON - 60 * MINUTE, "execute_after": NOON - 4 * MINUTE, "source": "catch_up"}, True),
        ({"scheduled_for": LATE, "source": "backfill"}, False),
        ({"scheduled_for": LATE, "source": "manual"}, False),
        ({"scheduled_for": LATE, "state": "skipped", "action": "skip", "finished_at": NOON}, False),
        ({"scheduled_for": LATE, "started_at": LATE, "state": "running"}, False),
        ({"scheduled_for": LATE, "started_at": LATE, "next_attempt_at": NOON - 5 * MINUTE}, False),
        ({"scheduled_for": LATE, "next_attempt_at": NOON - 4 * MINUTE}, False),
        ({"scheduled_for": LATE - MINUTE, "next_attempt_at": LATE}, True),
    ],
    ids=[
        "late",
        "not yet late",
        "spread",
        "caught up, and late before it was claimed",
        "backfilled",
        "triggered",
        "skipped",
        "running since it was due",
        "waits for its second attempt",
        "was put off until a moment ago",
        "was put off until long ago",
    ],
)
async def test_what_is_late(connection: Connection, fjord: str, run: dict[str, Any], *, is_late: bool) -> None:
    await add_run(connection, **run | {"scheduled_for": _on_the_minute(run)}, org_id=fjord)
    assert bool(await told(connection)) is is_late


def _on_the_minute(run: dict[str, Any]) -> datetime:
    """The scheduled moment; ``execute_after`` keeps the second, where a minute would be too coarse."""
    moment: datetime = run["scheduled_for"]
    run.setdefault("execute_after", moment)
    return moment.replace(second=0)


@pytest.mark.parametrize(
    ("started_at", "ago", "is_told"),
    [
        (NOON - 5 * MINUTE, 10 * MINUTE + SECOND, True),
        (NOON - 5 * MINUTE, 5 * MINUTE, False),
        (NOON - 15 * MINUTE + SECOND, 10 * MINUTE, True),
        (NOON - 15 * MINUTE, 10 * MINUTE, False),
    ],
)
async def test_what_started_late(
    connection: Connection, fjord: str, started_at: datetime, ago: timedelta, *, is_told: bool
) -> None:
    """A run that started so long after it could; told of for 15 minutes."""
    allowed = started_at - ago
    moment = allowed.replace(second=0)
    run_id = await add_run(
        connection, moment, org_id=fjord, execute_after=allowed, started_at=started_at, state="running"
    )
    await add_attempt(connection, run_id, enqueued_at=moment)
    found = await told(connection)
    assert [one.touches["stage"] for one in found] == (["worker"] if is_told else [])


async def test_how_late_is_late_can_be_set(connection: Connection, fjord: str) -> None:
    await add_run(connection, NOON - 2 * MINUTE, org_id=fjord)
    settings = Settings(announce=AnnounceSettings(late_after=MINUTE))
    assert [one.kind for one in await told(connection, settings=settings)] == [IncidentKind.DRIFT]
    assert await told(connection) == []


async def test_the_stage_of_a_run_that_waits(connection: Connection, fjord: str) -> None:
    """With a job it waits for a worker, from when that was made on; without, for its turn."""
    run_id = await add_run(connection, NOON - 10 * MINUTE, org_id=fjord)
    assert (await told(connection))[0].touches["stage"] == "turn"
    await add_job(connection, run_id, NOON - 2 * MINUTE)
    assert (await told(connection))[0].touches["stage"] == "turn"
    await add_job(connection, run_id, NOON - 9 * MINUTE)
    await connection.execute("delete from synkron.queue where created > $1", NOON - 9 * MINUTE)
    assert (await told(connection))[0].touches["stage"] == "worker"
    await connection.execute("update synkron.runs set claimed_at = $1", NOON - MINUTE)
    assert (await told(connection))[0].touches["stage"] == "tick"


async def test_a_run_behind_an_older_one_is_late(connection: Connection, fjord: str) -> None:
    older = NOON - 30 * MINUTE
    await add_run(connection, older, org_id=fjord, integration_id="i", started_at=older, state="running")
    await add_run(connection, NOON - 10 * MINUTE, org_id=fjord, integration_id="i")
    [condition] = await told(connection)
    assert condition.touches["stage"] == "turn"
    assert "synkron why --integration i " in condition.remedy


async def test_what_waits_for_its_vendor_is_not_late(connection: Connection, fjord: str) -> None:
    """It was deferred for two hours and a half, and its vendor came back an hour before that was over."""
    moment, back = NOON - 60 * MINUTE, NOON + 30 * MINUTE
    run_id = await add_run(connection, moment, org_id=fjord)
    await connection.execute(
        "update synkron.runs set deferred_at = $1, deferred_reason = 'it is down', deferred_until = $2, "
        "next_attempt_at = $2 where id = $3",
        moment,
        moment + 150 * MINUTE,
        run_id,
    )
    assert await told(connection, back) == []
    await connection.execute("update synkron.runs set deferred_until = null, released_at = $1", back)
    await connection.execute("update synkron.runs set next_attempt_at = $1", back)
    assert await told(connection, back + 5 * MINUTE) == []
    assert len(await told(connection, back + 5 * MINUTE + SECOND)) == 1


@pytest.mark.parametrize("scope", ["everything", "organization", "type", "integration", "somebody else"])
@pytest.mark.parametrize(
    ("ended_at", "is_late"), [(None, False), (NOON - 4 * MINUTE, False), (NOON - 6 * MINUTE, True)]
)
async def test_what_a_pause_holds_is_not_late_until_it_has_had_its_time(
    connection: Connection, fjord: str, scope: str, ended_at: datetime | None, *, is_late: bool
) -> None:
    await add_run(connection, NOON - 30 * MINUTE, org_id=fjord, integration_id="i")
    whom = {"organization": (fjord, None, None), "type": (None, "xledger", None), "integration": (None, None, "i")}
    await connection.execute(
        "insert into synkron.pauses (reason, author, starts_at, ended_at, ended_by, org_id, integration_type, "
        "integration_id) values ('month end', 'kari', $1, $2, case when $2::timestamptz is not null then 'kari' end, "
        "$3, $4, $5)",
        NOON - 60 * MINUTE,
        ended_at,
        *whom.get(scope, ("another", None, None) if scope == "somebody else" else (None, None, None)),
    )
    assert bool(await told(connection)) is (is_late or scope == "somebody else")


async def test_what_is_caught_up_after_a_pause_counts_from_its_start(connection: Connection, fjord: str) -> None:
    """Its moment lay under the pause, which ended an hour ago; its type's pace let it start just now."""
    moment, allowed = NOON - 120 * MINUTE, NOON - 10 * MINUTE
    await connection.execute(
        "insert into synkron.pauses (reason, author, starts_at, until) values ('month end', 'kari', $1, $2)",
        moment - MINUTE,
        NOON - 60 * MINUTE,
    )
    run_id = await add_run(
        connection, moment, org_id=fjord, source="catch_up", execute_after=allowed, claimed_at=NOON - 60 * MINUTE
    )
    assert await told(connection, allowed + 5 * MINUTE) == []
    assert len(await told(connection, allowed + 5 * MINUTE + SECOND)) == 1
    await connection.execute(
        "update synkron.runs set state = 'running', attempt = 1, started_at = $2 where id = $1",
        run_id,
        allowed + MINUTE,
    )
    assert await told(connection) == []
    await connection.execute("update synkron.runs set started_at = $1", allowed + 6 * MINUTE)
    assert len(await told(connection)) == 1


async def test_a_fleet_that_is_late_is_one_condition(connection: Connection, fjord: str) -> None:
    others = [await add_organization(connection, f"o{number}") for number in range(2)]
    await add_run(connection, NOON - 10 * MINUTE, org_id=fjord)
    await add_run(connection, NOON - 10 * MINUTE, org_id=others[0], kind="dynamics")
    assert len(await told(connection)) == 2
    await add_run(connection, NOON - 11 * MINUTE, org_id=others[1])
    [condition] = await told(connection)
    assert condition.subject == "fleet"
    assert condition.touches["by_type"] == {"xledger": 2, "dynamics": 1}
    assert "The worst is xledger of o1." in condition.detail


# Failed runs


async def test_a_dead_letter_is_told_until_a_later_run_succeeds(connection: Connection, fjord: str) -> None:
    moment = NOON - 120 * MINUTE
    run_id = await add_run(
        connection,
        moment,
        org_id=fjord,
        integration_id="i",
        state="failed",
        started_at=moment,
        finished_at=moment + MINUTE,
        error="HTTP 500",
    )
    [condition] = await told(connection)
    assert (condition.kind, condition.org_id, condition.touches["runs"]) == (IncidentKind.RUN_FAILED, fjord, 1)
    assert condition.title == "xledger of Fjord: 1 run failed for good"
    assert "HTTP 500" in condition.detail
    assert f"synkron runs retry {run_id}`" in condition.remedy
    for later, integration_id, still_told in [(-1, "i", True), (60, "another", True), (1, "i", False)]:
        at = moment + later * MINUTE
        await add_run(
            connection,
            at,
            org_id=fjord,
            integration_id=integration_id,
            state="succeeded",
            started_at=at,
            finished_at=NOON,
        )
        assert bool(await told(connection)) is still_told


@pytest.mark.parametrize(("ago", "is_told"), [(timedelta(days=7) - SECOND, True), (timedelta(days=7), False)])
async def test_a_dead_letter_is_told_for_seven_days(
    connection: Connection, fjord: str, ago: timedelta, *, is_told: bool
) -> None:
    moment = NOON - timedelta(days=8)
    await add_run(
        connection, moment, org_id=fjord, state="failed", started_at=moment, finished_at=NOON - ago, error="HTTP 500"
    )
    assert bool(await told(connection)) is is_told


async def test_what_an_operator_cancelled_is_not_told(connection: Connection, fjord: str) -> None:
    moment = NOON - 60 * MINUTE
    run_id = await add_run(
        connection, moment, org_id=fjord, state="failed", started_at=moment, finished_at=NOON, error="cancelled by kari"
    )
    await add_attempt(connection, run_id, finished_at=NOON, outcome="cancelled")
    assert await told(connection) == []


# Vendors


@pytest.mark.parametrize(
    ("verdict", "known_by", "kind"),
    [
        ("healthy", "probe", None),
        ("unreachable", "probe", IncidentKind.UNHEALTHY),
        ("unreachable", "run", IncidentKind.UNHEALTHY),
        ("degraded", "probe", IncidentKind.UNHEALTHY),
        ("degraded", "run", None),  # one failed run, of whom nobody knows more yet
        ("unauthorized", "probe", IncidentKind.UNHEALTHY),
        ("throttled", "run", IncidentKind.THROTTLED),
    ],
)
async def test_a_vendor_is_told_of_with_whom_it_touches(
    connection: Connection, verdict: str, known_by: str, kind: IncidentKind | None
) -> None:
    for schedule, kind_of, enabled in [
        ("0 2 * * *", "xledger", True),
        ("0 3 * * *", "xledger", True),
        ("0 3 * * *", "dynamics", True),
        ("0 3 * * *", "xledger", False),
        (None, "xledger", True),
    ]:
        await add_integration(connection, schedule, kind_of, enabled=enabled)
    await connection.execute(
        "insert into synkron.health (endpoint, integration_types, verdict, reason, known_by, since) "
        "values ($1, '{xledger}', $2, 'HTTP 503', $4, $3)",
        VENDOR,
        verdict,
        NOON - MINUTE,
        known_by,
    )
    found = await told(connection, watches=[WATCH])
    assert [one.kind for one in found] == ([kind] if kind else [])
    if kind:
        [condition] = found
        assert (condition.subject, condition.endpoint, condition.since) == (VENDOR, VENDOR, NOON - MINUTE)
        assert condition.touches["organizations_total"] == 2
        assert "of 2 organizations" in condition.detail
    assert await told(connection, watches=[]) == []


async def test_a_vendor_of_which_nothing_is_known_is_not_told(connection: Connection) -> None:
    assert await told(connection, watches=[WATCH]) == []
    await connection.execute(
        "insert into synkron.health (endpoint, integration_types, since) values ($1, '{xledger}', $2)", VENDOR, NOON
    )
    assert await told(connection, watches=[WATCH]) == []


@pytest.mark.parametrize(
    ("counted", "month", "is_told"), [(500, "2026-03-01", True), (499, "2026-03-01", False), (900, "2026-02-01", False)]
)
async def test_the_month_s_probes(connection: Connection, counted: int, month: str, *, is_told: bool) -> None:
    await connection.execute(
        "insert into synkron.probe_spend (endpoint, month, probes, counted) values ($1, $2, $3, $3)",
        VENDOR,
        datetime.fromisoformat(month).date(),
        counted,
    )
    kinds = [one.kind for one in await told(connection, watches=[WATCH])]
    assert kinds == ([IncidentKind.PROBE_ALLOWANCE] if is_told else [])


# Rows that can't run


async def test_invalid_rows_are_told_as_the_tick_found_them(connection: Connection) -> None:
    """A malformed schedule, an unknown zone, and a type that the settings don't know."""
    oslo, nowhere = await add_organization(connection), await add_organization(connection, "Vik", "Mars/Olympus")
    rows = {
        await add_integration(connection, "99 * * * *", org_id=oslo): IncidentKind.INVALID_SCHEDULE,
        f"organization {nowhere}": IncidentKind.UNKNOWN_ZONE,
        await add_integration(connection, "* * * * *", "fiken", org_id=oslo): IncidentKind.UNKNOWN_TYPE,
    }
    await add_integration(connection, "* * * * *", org_id=nowhere)
    done = await tick(connection, SETTINGS, scheduler="test")
    assert {one.fault for one in done.invalid} == {Fault.SCHEDULE, Fault.ZONE, Fault.TYPE}
    found = await told(connection, done.at, invalid=done.invalid)
    assert {one.subject: one.kind for one in found} == rows
    assert {one.org_id for one in found} == {oslo, nowhere}
    assert [one.title.startswith("xledger of Vik can't run") for one in found].count(True) == 1


# Ticks


async def _tick_at(connection: Connection, *moments: datetime) -> None:
    await connection.execute(
        "insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid) "
        "select at, at - interval '30 seconds', at + interval '30 seconds', 'service', 's', 0, 0, 0, 0 "
        "from unnest($1::timestamptz[]) at",
        moments,
    )


@pytest.mark.parametrize(
    ("ticks", "is_told"),
    [
        ([], False),
        ([NOON - 2.5 * MINUTE], False),
        ([NOON - 2.5 * MINUTE - SECOND], True),
        ([NOON - 600 * MINUTE], True),
        ([NOON - 12.5 * MINUTE - SECOND, NOON - 10 * MINUTE, *(NOON - n * MINUTE for n in range(10))], True),
        ([NOON - 12.5 * MINUTE, NOON - 10 * MINUTE, *(NOON - n * MINUTE for n in range(10))], False),
        ([NOON - 300 * MINUTE, *(NOON - n * MINUTE for n in range(15))], True),
        ([NOON - 300 * MINUTE, *(NOON - n * MINUTE for n in range(16))], False),
    ],
    ids=[
        "nobody ever ticked",
        "not yet",
        "none since",
        "none for hours",
        "a gap that is over",
        "no gap",
        "a gap of hours that is just over",
        "a gap that is over for 15 minutes",
    ],
)
async def test_tick_gaps(connection: Connection, ticks: list[datetime], *, is_told: bool) -> None:
    await _tick_at(connection, *ticks)
    assert [one.kind for one in await told(connection)] == ([IncidentKind.TICK_GAP] if is_told else [])


async def test_a_replay_is_no_tick(connection: Connection) -> None:
    await _tick_at(connection, NOON - 4 * MINUTE)
    await connection.execute(
        "insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid) "
        "values ($1, $1::timestamptz - interval '30 seconds 1 microsecond', $1, 'once', 's', 0, 0, 0, 0)",
        NOON - MINUTE,
    )
    assert [one.kind for one in await told(connection)] == [IncidentKind.TICK_GAP]


async def test_a_gap_says_what_it_made_late(connection: Connection, fjord: str) -> None:
    """On time on both sides of it; one run of three missed moments in it."""
    began, ended = NOON - 20 * MINUTE, NOON - 10 * MINUTE
    await _tick_at(connection, began, ended, *(NOON - n * MINUTE for n in range(10)))
    done = {"org_id": fjord, "integration_id": "i", "finished_at": NOON}
    for minute, source, action in [
        (0, "schedule", "run"),
        (2, "catch_up", "merge"),
        (4, "catch_up", "merge"),
        (6, "catch_up", "run"),
        (10, "schedule", "run"),
    ]:
        state = {"state": "succeeded", "started_at": ended} if action == "run" else {"state": "skipped"}
        values: dict[str, Any] = done | state | {"source": source, "action": action}
        await add_run(connection, began + minute * MINUTE, **values)
    await connection.execute(
        "insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid) "
        "values ($1, $1::timestamptz - interval '30 seconds 1 microsecond', $1, 'pg_cron', 'pg_cron', 5, 5, 0, 0)",
        began + 5 * MINUTE,
    )
    found = {one.kind: one for one in await told(connection)}
    assert "pg_cron claimed 5 planned runs. It made 1 run late." in found[IncidentKind.TICK_GAP].detail
    assert found[IncidentKind.TICK_GAP].touches == {"runs": 1, "not_run": 2}
    assert "from 2026-03-02 11:40 UTC to 2026-03-02 11:50 UTC" in found[IncidentKind.TICK_GAP].detail
    assert found[IncidentKind.TICK_GAP].since == began


# Cold starts and verification


# requirement R16.3
@pytest.mark.parametrize(("ago", "is_told"), [(60 * MINUTE - SECOND, True), (60 * MINUTE, False)])
async def test_cold_starts_of_the_last_hour(
    connection: Connection, fjord: str, ago: timedelta, *, is_told: bool
) -> None:
    finished = NOON - ago
    for cost, warmth in [(2, "cold"), (3, "cold"), (None, "warm")]:
        run_id = await add_run(
            connection,
            NOON - 90 * MINUTE,
            org_id=fjord,
            execute_after=finished,
            started_at=finished,
            state="succeeded",
            finished_at=finished,
        )
        await add_attempt(
            connection,
            run_id,
            finished_at=finished,
            warmth=warmth,
            known_by="header",
            cost=None if cost is None else cost * SECOND,
        )
    found = await told(connection)
    assert [one.kind for one in found] == ([IncidentKind.COLD_START] if is_told else [])
    if is_told:
        assert (found[0].subject, found[0].touches["attempts"]) == ("xledger", 2)
        assert "They cost 5 s in all, and 3 s at worst." in found[0].detail


async def test_the_newest_verification_counts(connection: Connection) -> None:
    for at, missed, late in [(NOON - 60 * MINUTE, 0, 3), (NOON - 30 * MINUTE, 1, 0)]:
        await connection.execute(
            "insert into synkron.verifications (at, since, until, expected, missed, doubled, late, unexplained) "
            "values ($1, $1, $1, 10, $2, 0, $3, 0)",
            at,
            missed,
            late,
        )
    assert [one.kind for one in await told(connection)] == [IncidentKind.VERIFICATION_FAILED]
    await connection.execute("delete from synkron.verifications where missed > 0")
    assert await told(connection) == []


# What it costs


async def test_the_statements_are_the_same_whatever_there_is(connection: Connection, fjord: str) -> None:
    sent: list[str] = []
    connection.add_query_logger(lambda query: sent.append(query.query))

    async def statements(conditions: int, **given: Any) -> int:
        """How many were sent. One is told of when the next is sent, so that what comes first and last is left out."""
        await connection.execute("select 'first'")
        await connection.execute("select 'first'")
        sent.clear()
        assert len(await told(connection, watches=[WATCH], **given)) == conditions
        await connection.execute("select 'last'")
        return len([statement for statement in sent if statement not in ("select 'first'", "select 'last'")])

    # Begin and commit, row security; what waits, started late, failed; endpoints and whom they touch; ticks, cold
    # starts, verification; the organizations' names; two savepoints around the application's.
    assert await statements(0) == 19, sent
    for number in range(30):
        await add_run(connection, NOON - 10 * MINUTE, org_id=fjord, integration_id=f"i{number}")
    await _tick_at(connection, NOON - 30 * MINUTE)
    row = InvalidIntegration(fjord, "i", "xledger", "it is wrong")
    assert await statements(3, invalid=[row]) == 19, sent


PLANS: list[tuple[str, tuple[object, ...], str]] = [
    ("waiting", (5 * MINUTE, 2000, *EVERYTHING), "runs_unfinished"),
    ("started_late", (5 * MINUTE, 2000, *EVERYTHING), "runs_started_late"),
    ("failed", (5000, timedelta(days=7), *EVERYTHING), "runs_failed"),
    ("failed", (5000, timedelta(days=7), *EVERYTHING), "runs_delivered_once"),
    ("cold_starts", (1000,), "attempts_cold"),
    ("expired", (10_000,), "runs_expired"),
    ("tick_gaps", (2.5 * MINUTE, 15 * MINUTE, 10000), "ticks_newest"),
    ("tick_gaps", (2.5 * MINUTE, 15 * MINUTE, 10000), "runs_newest"),
]


@pytest.mark.own_database
async def test_plans(own_connection: Connection) -> None:
    """By the index that is made for it; no table of the ledger is read from end to end."""
    await _fill(own_connection)
    for statement, arguments, index in PLANS:
        asked = "explain " + source_statements("incidents/conditions/store", SourceTables())[statement]
        plan = "\n".join(line[0] for line in await own_connection.fetch(asked, NOON, *arguments))
        rows = await own_connection.fetch(
            "select child.relname from pg_class child left join pg_inherits on inhrelid = child.oid "
            "where coalesce(inhparent, child.oid) = $1::regclass",
            f"synkron.{index}",
        )
        assert any(row["relname"] in plan for row in rows), plan
        assert not re.search(r"Seq Scan on (\w+_(?!2026_01)\d{4}_\d\d|ticks)", plan), plan
        if statement == "waiting":
            assert re.search(r"Anti Join(?s:.*)on pause", plan), plan


async def _fill(connection: Connection) -> None:
    """Some 20,000 runs of a month that went well, and a few that did not."""
    await make_room(connection, NOON)
    fjord = await add_organization(connection)
    await connection.execute(
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_end, "
        "execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, started_at, "
        "finished_at, error) "
        "select 'k', 'i' || n, $1, 'xledger', 'schedule', at, at, at, at, 'run', 'on time', '* * * * *', 1, "
        "case when n % 1000 = 0 then 'failed' else 'succeeded' end, 1, "
        "at + case when n % 1000 = 1 then interval '10 minutes' else interval '1 second' end, "
        "at + interval '11 minutes', 'e' from generate_series(1, 20000) n, "
        "lateral (select $2::timestamptz - interval '1 minute' * n) moment (at)",
        fjord,
        NOON,
    )
    await connection.execute(
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, "
        "warmth, warmth_known_by) select id, scheduled_for, 1, 'w', started_at, finished_at, 'succeeded', "
        "case when id % 500 = 0 then 'cold' else 'warm' end, 'time' from synkron.runs"
    )
    await add_run(connection, NOON - 10 * MINUTE, org_id=fjord)
    await _tick_at(connection, *(NOON - n * MINUTE for n in range(5000)))
    await connection.execute("vacuum analyze synkron.runs, synkron.attempts, synkron.ticks, synkron.pauses")


# Moments that expired


async def test_what_expired_is_told_for_a_day_or_until_somebody_acknowledges_it(
    connection: Connection, fjord: str
) -> None:
    settings = Settings(types={"xledger": TypeSettings(catch_up_window=timedelta(hours=1))})
    await add_integration(connection, "0 * * * *", org_id=fjord)
    now: datetime = await connection.fetchval("select date_trunc('hour', now())")
    await connection.execute("insert into synkron.watermark (at) values ($1)", now - timedelta(hours=5))
    await tick(connection, settings, scheduler="test")
    at = await connection.fetchval("select max(claimed_at) from synkron.runs where action = 'expire'")
    expired = [one for one in await told(connection, at) if one.kind is IncidentKind.MOMENTS_EXPIRED]
    assert [one.touches["organizations"] for one in expired] == [[fjord]]
    assert expired[0].integration_type == "xledger"
    day = timedelta(days=1)
    kinds = [{one.kind for one in await told(connection, at + later)} for later in (day - SECOND, day)]
    assert [IncidentKind.MOMENTS_EXPIRED in found for found in kinds] == [True, False]
    await connection.execute(
        "insert into synkron.incidents (kind, subject, title, detail, remedy, since, opened_at, seen_at, "
        "acknowledged_at, acknowledged_by) "
        "values ('moments_expired', 'expired', 't', 'd', 'r', $1, $1, $1, $1, 'kari')",
        at,
    )
    assert IncidentKind.MOMENTS_EXPIRED not in {one.kind for one in await told(connection, at + SECOND)}


# Time zones


async def test_running_processes_with_different_rules_for_time_zones(connection: Connection) -> None:
    """One that has stopped, is silent, or can't tell, is left out."""
    await connection.execute(
        "insert into synkron.nodes (name, role, version, started_at, seen_at, skew, tzdata, stopped_at) values "
        "('a', 'scheduler', '1', $1, $1, '0', '2025b', null), ('b', 'worker', '1', $1, $1, '0', '2025b', null), "
        "('c', 'worker', '1', $1, $1, '0', '2024a', $1), ('d', 'worker', '1', $1, $2, '0', '2024a', null), "
        "('e', 'worker', '1', $1, $1, '0', null, null)",
        NOON,
        NOON - timedelta(hours=1),
    )
    assert IncidentKind.TZDATA_DIFFERS not in {one.kind for one in await told(connection)}
    await connection.execute("update synkron.nodes set stopped_at = null where name = 'c'")
    [condition] = [one for one in await told(connection) if one.kind is IncidentKind.TZDATA_DIFFERS]
    assert condition.touches == {"versions": ["2024a", "2025b"], "nodes": 3}
