"""The reports of the settings arrive by mail, once, whatever restarts meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from synkron.errors import SettingsError
from synkron.incidents.channels import open_channels
from synkron.incidents.send import deliver_due
from synkron.incidents.store import forget
from synkron.service.reports import LATEST, announce_due, keep_reporting_exports
from synkron.settings.load import Settings, load_settings
from tests.conftest import Connection
from tests.support.announcing import announcements, mail_server
from tests.support.databases import Database
from tests.support.fleet import add_organization, utc
from tests.support.late_runs import add_run, make_room
from tests.support.stepped_clock import install_clock, set_clock

SEVEN = utc("2026-03-03T07:00:00")
AT_TWO = utc("2026-03-03T02:00:00")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def reporting(url: str, *reports: dict[str, object]) -> Settings:
    """Settings with these reports, and one channel."""
    return Settings(announce={"channels": {"operations": url}}, reports=reports or ({"name": "night"},))


async def ran(connection: Connection) -> None:
    """A night in which one organization's export succeeded, and the other's failed."""
    await make_room(connection, AT_TWO)
    await connection.execute("insert into synkron.watermark (at) values (now())")
    for name, kind, state in (("Fjord", "xledger", "succeeded"), ("Berg Drift", "dynamics", "failed")):
        await add_run(
            connection,
            AT_TWO,
            org_id=await add_organization(connection, name),
            kind=kind,
            state=state,
            started_at=AT_TWO,
            finished_at=AT_TWO + 4 * MINUTE,
            error="HTTP 403" if state == "failed" else None,
        )


@pytest.mark.own_database
async def test_a_report_is_sent_once_though_schedulers_meet_and_restart(
    database: Database, connection: Connection
) -> None:
    await ran(connection)
    async with mail_server() as mails:
        settings = reporting(mails.url)
        assert await announce_due(connection, settings, SEVEN - MINUTE) == []

        async def scheduler() -> int:
            own = await asyncpg.connect(database.url)
            announced = await announce_due(own, settings, SEVEN)
            async with open_channels(settings, {}) as channels:
                await deliver_due(own, channels, SEVEN)
            await own.close()
            return len(announced)

        assert sum(await asyncio.gather(*(scheduler() for _ in range(3)))) == 1
        for later in (MINUTE, 60 * MINUTE, LATEST):
            assert await announce_due(connection, settings, SEVEN + later) == []
    [mail] = mails.mails
    assert "Exports of the night to 3 March 2026, 18:00 to 07:00 (UTC): something is missing of 1" in mail["Subject"]
    body = mail.get_body(("plain",))
    assert body is not None
    said = body.get_content()
    assert "dynamics: 0 of 1 exported; Berg Drift failed once, HTTP 403 since 02:04." in said
    assert "xledger: 1 of 1 exported, all that was due." in said
    [row] = await announcements(connection)
    assert (row["report"], row["report_moment"], row["incident_id"]) == ("night", SEVEN, None)
    assert row["sent_at"] is not None


async def looks(connection: Connection, settings: Settings, *moments: datetime) -> None:
    """A scheduler's loop of reports, which looks at these moments of the database's clock, and is stopped then."""
    stop, left = asyncio.Event(), list(moments)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        await set_clock(connection, left.pop(0))
        yield connection
        if not left:
            stop.set()

    await keep_reporting_exports(connect, settings, stop)
    assert left == []


@pytest.mark.waits(minutes=0.1)
@pytest.mark.own_database
async def test_the_loop_through_a_night_and_restarts(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before seven, started again after it, and again; and the next morning, which is another report."""
    monkeypatch.setattr("synkron.service.reports.LOOK_EVERY", timedelta())
    await ran(connection)
    await install_clock(connection, SEVEN - 13 * 60 * MINUTE)
    async with mail_server() as mails, open_channels(settings := reporting(mails.url), {}) as channels:

        async def played(*moments: datetime) -> int:
            await looks(connection, settings, *moments)
            await deliver_due(connection, channels, moments[-1])
            return len(mails.mails)

        evening = [SEVEN - half * 30 * MINUTE for half in range(26, 0, -1)]
        assert await played(*evening) == 0
        assert await played(SEVEN + 40 * MINUTE, SEVEN + 41 * MINUTE) == 1
        assert await played(*(SEVEN + hours * 60 * MINUTE for hours in range(1, 24))) == 1
        assert await played(SEVEN + DAY - MINUTE / 2) == 1
        assert await played(SEVEN + DAY) == 2
    night, next_night = (mail["Subject"] for mail in mails.mails)
    assert "Exports of the night to 3 March 2026, 18:00 to 07:00 (UTC): something is missing of 1" in night
    assert "Exports of the night to 4 March 2026, 18:00 to 07:00 (UTC)" in next_night
    rows = await announcements(connection)
    assert [row["report_moment"] for row in rows] == [SEVEN, SEVEN + DAY]


@pytest.mark.own_database
async def test_a_report_of_some_types_and_when_it_is_too_late(connection: Connection) -> None:
    await ran(connection)
    settings = reporting(
        "json://127.0.0.1:9", {"name": "finance", "types": ["xledger"], "at": "06:30", "zone": "Europe/Oslo"}
    )
    assert await announce_due(connection, settings, SEVEN + DAY + LATEST) == []
    assert await announce_due(connection, settings, SEVEN) == ["finance"]
    [row] = await announcements(connection)
    assert "xledger: 1 of 1 exported" in row["message"]
    assert "Berg" not in row["message"]
    assert json.loads(row["message"])["facts"]["types"] == [
        {
            "integration_type": "xledger",
            "due": 1,
            "exported": 1,
            "failed": 0,
            "skipped": 0,
            "open": 0,
            "invalid": 0,
            "reasons": {},
            "is_whole": True,
            "sentence": "xledger: 1 of 1 exported, all that was due.",
        }
    ]
    assert row["report_moment"] == utc("2026-03-03T05:30:00")
    await forget(connection, SEVEN + 40 * DAY, 30 * DAY)
    assert await announcements(connection) == []


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('[[reports]]\nname = "night"', "reports: expected a channel of announce.channels for the report night"),
        ('[[reports]]\nname = "night"\nchannels = ["nowhere"]\nCHANNEL', "expected a channel of announce.channels"),
        ('[[reports]]\nname = "a"\n[[reports]]\nname = "a"\nCHANNEL', "expected one report of the name a"),
        ('[[reports]]\nname = "Night shift"\nCHANNEL', "expected a report's name"),
        ('[[reports]]\nname = "a"\nat = "7"\nCHANNEL', "expected a time of day"),
        ('[[reports]]\nname = "a"\nzone = "Mars/Phobos"\nCHANNEL', "expected a zone's IANA name"),
        ('[[reports]]\nname = "a"\nrange = "year"\nCHANNEL', "expected 'last_night', 'day', 'week' or 'month'"),
        ('[[reports]]\nname = "a"\nto = "me"\nCHANNEL', "this key does not exist"),
    ],
)
def test_a_report_that_would_go_nowhere_is_refused(tmp_path: Path, written: str, says: str) -> None:
    file = tmp_path / "synkron.toml"
    file.write_text(written.replace("CHANNEL", '[announce.channels]\noperations = "json://127.0.0.1:9"'))
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    assert says in " ".join(refused.value.faults)
