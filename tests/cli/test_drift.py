"""`drift`: what people see, what programs read, and that the database and the code agree on the stages."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from synkron.ledger.drift import Moments, Stage, lateness, stages
from synkron.model import Source
from tests.cli.conftest import Command
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_organization
from tests.support.late_runs import MINUTE, add_attempt, add_job, add_run, make_room
from tests.support.statements import ask

SECOND = timedelta(seconds=1)
Filled = Callable[[Connection, datetime], Awaitable[Any]]


def fill(database: Database, write: Filled) -> Any:
    """Write something into the ledger; it is told the minute, by the database's clock."""

    async def run(connection: Connection) -> Any:
        now: datetime = await connection.fetchval("select now()")
        await make_room(connection, now)
        return await write(connection, now.astimezone(UTC).replace(second=0, microsecond=0))

    return ask(database.url, run)


@pytest.fixture
def past(database: Database) -> dict[str, Any]:
    """Fjord's xledger: on time, behind another, late under an earlier release, and one that waits; and others."""

    async def write(connection: Connection, now: datetime) -> dict[str, Any]:
        fjord, vik = await add_organization(connection), await add_organization(connection, "Vik")
        hour = now - 60 * MINUTE
        runs = {
            "on time": {"started_at": hour + SECOND},
            "behind": {"started_at": hour + 20 * MINUTE},
            "earlier release": {"started_at": hour + 6 * MINUTE},
        }
        numbers: dict[str, Any] = {"fjord": fjord}
        for name, run in runs.items():
            numbers[name] = await add_run(connection, hour, org_id=fjord, state="running", **run)
        took = {"finished_at": now, "duration": 2 * SECOND, "warmth": "warm", "known_by": "header"}
        await add_attempt(connection, numbers["on time"], enqueued_at=hour - MINUTE / 2, **took)  # type: ignore[arg-type]
        await add_attempt(
            connection,
            numbers["behind"],
            enqueued_at=hour + 19 * MINUTE,
            finished_at=now,
            duration=8 * SECOND,
            warmth="cold",
            known_by="header",
            cost=6 * SECOND,
        )
        await add_attempt(connection, numbers["earlier release"])
        numbers["waits"] = await add_run(connection, now - 30 * MINUTE, org_id=vik)
        await add_job(connection, numbers["waits"], now - 30 * MINUTE)
        await add_run(
            connection, now - 30 * MINUTE, org_id=vik, kind="bufdir", started_at=now - 30 * MINUTE, state="running"
        )
        for source in ("manual", "backfill"):
            await add_run(connection, hour, org_id=fjord, source=source, started_at=now, state="running")
        await add_run(connection, now - 3000 * MINUTE, org_id=fjord, started_at=now, state="running")
        return numbers

    found: dict[str, Any] = fill(database, write)
    return found


def test_in_json_it_is_typed_as_documented(on_database: Command, past: dict[str, Any]) -> None:
    ended = on_database("drift", "--json")
    assert (ended.code, ended.err) == (0, "")
    answer = ended.answer
    assert list(answer) == ["since", "until", "late_after_ms", "types", "worst"]
    assert answer["late_after_ms"] == 300_000
    bufdir, xledger = answer["types"]
    assert (bufdir["integration_type"], bufdir["runs"], bufdir["late"]) == ("bufdir", 1, 0)
    assert (bufdir["warm"], bufdir["warm_share"]) == (0, None)
    assert {key: xledger[key] for key in ("runs", "late", "waiting", "waiting_late", "warm", "cold", "warm_share")} == {
        "runs": 3,
        "late": 2,
        "waiting": 1,
        "waiting_late": 1,
        "warm": 1,
        "cold": 1,
        "warm_share": 0.5,
    }
    assert xledger["start"] == {
        "runs": 3,
        "p50_ms": 360_000,
        "p95_ms": 1_200_000,
        "p99_ms": 1_200_000,
        "max_ms": 1_200_000,
    }
    assert list(xledger["stages"]) == ["spread", "tick", "turn", "worker", "target"]
    assert [xledger["stages"][stage]["runs"] for stage in xledger["stages"]] == [3, 3, 2, 2, 2]
    assert [xledger["stages"][stage]["max_ms"] for stage in xledger["stages"]] == [0, 0, 1_140_000, 60_000, 8_000]
    assert bufdir["stages"]["turn"] is None
    waits, behind, earlier, on_time, other = answer["worst"]
    assert [run["run_id"] for run in (waits, behind, earlier, on_time)] == [
        past[name] for name in ("waits", "behind", "earlier release", "on time")
    ]
    assert [run["lost_in"] for run in (waits, behind, earlier)] == ["worker", "turn", None]
    assert (waits["org_name"], waits["started_at"]) == ("Vik", None)
    assert behind["stages_ms"] == {"spread": 0, "tick": 0, "turn": 1_140_000, "worker": 60_000, "target": 8_000}
    assert earlier["stages_ms"] == {"spread": 0, "tick": 0, "turn": None, "worker": None, "target": None}
    assert (behind["late_ms"], other["late_ms"]) == (1_200_000, 0)


def test_for_people(on_database: Command, past: dict[str, Any]) -> None:
    ended = on_database("drift")
    assert ended.code == 0
    stages_of_types, worst, warm = ended.out.split("\n\n")
    assert stages_of_types.splitlines()[0].split() == [
        "type",
        "stage",
        "runs",
        "p50",
        "p95",
        "p99",
        "max",
        ">",
        "5",
        "min",
    ]
    assert [line.split()[0] for line in stages_of_types.splitlines()[1:]] == [
        *("bufdir", "tick", "start"),
        *("xledger", "tick", "turn", "worker", "start", "target"),
    ]
    [start] = [line for line in stages_of_types.splitlines() if line.split()[:2] == ["start", "3"]]
    assert start.split()[-1] == "2"
    assert [line.split()[0] for line in worst.splitlines()[1:4]] == [
        str(past[name]) for name in ("waits", "behind", "earlier release")
    ]
    assert worst.splitlines()[1].split()[-2:] == ["worker", "waits"]
    assert "Fjord" in worst.splitlines()[2]
    assert warm.splitlines()[1].split() == ["xledger", "1", "1", "50.0", "%"]
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "xledger: 1 of 1 that wait for their start are more than 5 min late" in ended.err


@pytest.mark.usefixtures("past")
def test_only_a_type_an_organization_or_so_many(on_database: Command, past: dict[str, Any]) -> None:
    assert [one["integration_type"] for one in on_database("drift", "--type", "bufdir", "--json").answer["types"]] == [
        "bufdir"
    ]
    of_fjord = on_database("drift", "--org", past["fjord"], "--json").answer
    assert {run["org_id"] for run in of_fjord["worst"]} == {past["fjord"]}
    assert [(one["integration_type"], one["waiting"]) for one in of_fjord["types"]] == [("xledger", 0)]
    assert len(on_database("drift", "--limit", "2", "--json").answer["worst"]) == 2
    longer = on_database("drift", "--since", "7d", "--json").answer
    assert longer["types"][1]["runs"] == 4


def test_nothing_was_to_start(on_database: Command) -> None:
    ended = on_database("drift", "--since", "1h")
    assert (ended.code, ended.out) == (0, "")
    assert "No run was to start since " in ended.err
    assert on_database("drift", "--json").answer["types"] == []


@pytest.mark.parametrize("arguments", [["--since", "last week"], ["--limit", "0"], ["--type", " "]])
def test_bad_input(on_database: Command, arguments: list[str]) -> None:
    assert on_database("drift", *arguments).code == 2


def test_the_database_and_the_code_have_the_same_stages(on_database: Command, database: Database) -> None:
    """One run of each of many types, with moments that lie anyhow, as the percentiles of one are the figures itself."""
    chance = random.Random(4711)  # noqa: S311 - any numbers will do, the same each time

    async def write(connection: Connection, now: datetime) -> dict[str, Moments]:
        fjord = await add_organization(connection)
        hour = now - 60 * MINUTE
        runs = {}
        for number in range(60):
            around = [hour + timedelta(seconds=chance.randint(-600, 3000)) for _ in range(3)]
            run = Moments(
                chance.choice([Source.SCHEDULE, Source.CATCH_UP]),
                hour,
                max(around[0], hour),
                around[1],
                hour + timedelta(seconds=chance.randint(0, 3000)),
                chance.choice([around[2], None]),
                chance.choice([7 * SECOND, None]),
            )
            kind = f"type{number:02}"
            runs[kind] = run
            run_id = await add_run(
                connection,
                hour,
                org_id=fjord,
                kind=kind,
                source=run.source.value,
                execute_after=run.execute_after,
                claimed_at=run.claimed_at,
                started_at=run.started_at,
                state="running",
            )
            await add_attempt(connection, run_id, enqueued_at=run.enqueued_at, duration=run.duration)
        return runs

    runs: dict[str, Moments] = fill(database, write)
    found = on_database("drift", "--json").answer
    assert len(found["types"]) == len(runs)
    for one in found["types"]:
        run = runs[one["integration_type"]]
        spans = stages(run)
        expected = {stage.value: spans.get(stage) for stage in Stage}
        assert {
            name: None if figures is None else timedelta(milliseconds=figures["max_ms"])
            for name, figures in one["stages"].items()
        } == expected, run
        assert timedelta(milliseconds=one["start"]["p50_ms"]) == lateness(run)
