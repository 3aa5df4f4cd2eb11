"""What is concluded from facts, and how names are written in remedies."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from synkron.model import Integration
from synkron.operations.pg_cron import ClockStatus, Job, SecondClock
from synkron.service.doctor import ledger, network, pg_cron, server, tables
from synkron.service.doctor.finding import Level, identifier, migrate_for
from synkron.service.doctor.server import Server
from synkron.settings.load import Settings
from synkron.source.check import check
from tests.conftest import Connection

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
SERVER = Server("15.4", 150_004, "app", "10.0.0.1", 5432, "app", is_superuser=False, bypasses_row_security=False)


async def test_a_name_in_a_remedy_means_exactly_that_name(connection: Connection) -> None:
    name = "o'Neill\"s $(role) \\"
    assert dict((await connection.fetch(f"select 1 as {identifier(name)}"))[0]) == {name: 1}
    assert shlex.split(migrate_for(name)) == ["synkron", "migrate", "--grant-to", name]


@pytest.mark.parametrize(("number", "level"), [(140_015, Level.FAILED), (150_000, Level.OK), (180_000, Level.OK)])
def test_the_oldest_server(number: int, level: Level) -> None:
    found = server.version(replace(SERVER, version_number=number))
    assert (found.level, bool(found.remedy)) == (level, level is Level.FAILED)


CLOCK = SecondClock(False, None, True, timedelta(minutes=15), NOW, None, None)
JOB = Job("synkron claim", True, "* * * * *", "succeeded", None, NOW)
WAKE = replace(JOB, name="synkron wake")
STATUS = ClockStatus(CLOCK, "1.6", [JOB], True, None, None, 0, 0, 0)
CALLS = replace(STATUS, clock=replace(CLOCK, calls="https://example.com/v1/tick"))
NO_JOB = replace(STATUS, jobs=[])
INSTALL = "synkron pg-cron install --mode claim"


@pytest.mark.parametrize(
    ("status", "level", "why", "command"),
    [
        (replace(STATUS, clock=None), "ok", "not the second clock. This database has pg_cron 1.6.", ""),
        (STATUS, "ok", "pg_cron 1.6 is the second clock: claim.", ""),
        (replace(STATUS, version=None), "failed", "is not installed in this database.", INSTALL),
        (CALLS, "failed", "pg_net, which is not installed", "create extension pg_net;"),
        (NO_JOB, "failed", 'no job "synkron claim"', INSTALL),
        (replace(NO_JOB, sees_all_jobs=False), "skipped", "only to the role that installed them", ""),
        (replace(STATUS, jobs=[replace(JOB, is_active=False)]), "failed", "is not active", "select cron."),
        (
            replace(STATUS, jobs=[replace(JOB, status="failed", message="x")]),
            "failed",
            "failed: x.",
            INSTALL,
        ),
        (
            replace(STATUS, clock=replace(CLOCK, wakes=True), jobs=[replace(JOB, status="failed", message="x"), WAKE]),
            "failed",
            "failed: x.",
            INSTALL,
        ),
        (
            replace(STATUS, jobs=[replace(JOB, status="failed", message="connection failed")]),
            "failed",
            "failed: connection failed.",
            "",
        ),
    ],
)
def test_the_second_clock(status: ClockStatus, level: str, why: str, command: str) -> None:
    found = pg_cron.second_clock(status, None)
    assert (found.level, why in found.why) == (level, True), found
    assert "".join(found.commands).startswith(command), found


def row(**values: Any) -> Integration:
    given = {
        "integration_id": "1",
        "org_id": "7",
        "integration_type": "xledger",
        "is_enabled": True,
        "cron_schedule": "0 2 * * *",
        "organization_exists": True,
        "timezone": None,
    }
    return Integration(**{**given, **values})


@pytest.mark.parametrize(
    ("rows", "level", "why"),
    [
        ([], Level.OK, "0 rows, 0 of them enabled with a schedule."),
        ([row()], Level.OK, "1 row, 1 of them enabled with a schedule."),
        ([row(is_enabled=False)], Level.OK, "1 row, 0 of them enabled with a schedule."),
        ([row(), row(cron_schedule="61 * * * *")], Level.WARNING, "1 of 2 rows can't run."),
        ([row(), row(is_enabled=False, timezone="x")], Level.WARNING, "1 warning about 1 of 2 rows; all can run."),
        ([row(cron_schedule="*/29 * * * *")], Level.WARNING, "2 warnings about 1 of 1 row; all can run."),
        (
            [row(cron_schedule="0 * * * *", integration_type="bufdir")],
            Level.WARNING,
            "1 warning about 1 of 1 row; all can run.",
        ),
        (
            [row(), row(cron_schedule="61 * * * *"), row(cron_schedule="*/29 * * * *")],
            Level.WARNING,
            "1 of 3 rows can't run, and 2 warnings about 1 row.",
        ),
        ([row(timezone="x"), row(is_enabled=False)], Level.FAILED, "None of the enabled rows can run (1 of 2 rows)."),
    ],
)
def test_rows(rows: list[Integration], level: Level, why: str) -> None:
    count = tables.RowCount()
    count.add(rows, check(rows, Settings().types, today=date(2026, 1, 1)))
    assert (tables.rows(count).level, tables.rows(count).why) == (level, why)


def test_what_an_installation_does_without() -> None:
    """Nobody ticked, no node, no job: only warnings, each with its remedy."""
    ticks = ledger.Ticks(NOW, None, None)
    found = [
        ledger.scheduler(ticks, []),
        ledger.worker([]),
        ledger.queue([], NOW, timedelta(minutes=5), {}),
    ]
    assert [one.level for one in found] == [Level.WARNING, Level.WARNING, Level.OK]


async def test_each_server_is_reached_once_and_no_request_is_sent() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            received.put_nowait(await reader.read())
        except ConnectionError:
            received.put_nowait(b"")
        writer.close()

    serving = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with serving:
        place = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}"
        [found] = await network.reach({"xledger": URL(f"{place}/a?key=x"), "bufdir": URL(f"{place}/b")})
        assert (found.level, found.why) == (Level.OK, "1 server can be reached.")
        assert await received.get() == b""
    assert received.empty()
