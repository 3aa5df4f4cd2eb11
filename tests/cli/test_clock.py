"""The zone of a time that is written without one: the organization's where one is named, else the operator's."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer

from synkron.cli.clock import operators_zone
from tests.cli.conftest import Command
from tests.cli.past import FJORD
from tests.support.databases import Database
from tests.support.statements import execute, fetch

# The organizations of the tests are in Oslo, in UTC, and in a zone that is none; the operator is in Chatham.
VIK, NOWHERE = (f"00000000-0000-4000-8000-00000000000{number}" for number in (2, 3))
IN_OSLO = '"2026-11-23 02:00" is Mon 2026-11-23 02:00 Europe/Oslo (Mon 2026-11-23 01:00 UTC).\n'
IN_UTC = '"2026-11-23 02:00" is Mon 2026-11-23 02:00 UTC.\n'
IN_CHATHAM = '"2026-11-23 02:00" is Mon 2026-11-23 02:00 Pacific/Chatham (Sun 2026-11-22 12:15 UTC).\n'


@pytest.fixture
def fjords_integration(database: Database) -> str:
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Europe/Oslo'), ('{VIK}', 'Vik', null), "
        f"('{NOWHERE}', 'Nowhere', 'Europe/Atlantis')",
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        f"values ('{FJORD}', 'xledger', '0 2 * * *')",
    )
    return str(fetch(database.url, "select id::text from organization_integrations")[0]["id"])


def test_the_zone_of_whom_a_command_names(on_database: Command, fjords_integration: str) -> None:
    """Every command that takes a time reads it so, and says what it read; a table or JSON is as it was."""
    at, since = ["--at", "2026-11-23 02:00"], ["--since", "2026-11-23 02:00"]
    range_ = ["--from", "2026-11-23 02:00", "--to", "2026-11-23T06:00+01:00", "--dry-run"]
    ahead = ["--until", "2199-11-23 02:00", "--reason", "a test", "--dry-run"]
    fjord, his = ["--org", FJORD], ["--integration", fjords_integration]
    for arguments, echo in (
        (["runs", *since], IN_CHATHAM),
        (["runs", *since, *fjord], IN_OSLO),
        (["runs", *since, "--org", VIK, "--json"], IN_UTC),
        (["incidents", *since, *fjord], IN_OSLO),
        (["audit", *since], IN_CHATHAM),
        (["drift", *since, *fjord, "--json"], IN_OSLO),
        (["verify", *since, *fjord], IN_OSLO),
        (["why", *at, *fjord, "--type", "xledger"], IN_OSLO),
        (["why", *at, *his, "--json"], IN_OSLO),
        (["due", *at], IN_CHATHAM),
        (["tick", *at], IN_CHATHAM),
        (["explain", "0 2 * * *", "--zone", "Europe/Oslo", *at], IN_OSLO),
        (["explain", "0 2 * * *", *at], IN_UTC),
        (["backfill", *range_, *fjord], IN_OSLO),
        (["backfill", *range_, *his], IN_OSLO),
        (["backfill", *range_, "--type", "xledger"], IN_CHATHAM),
        (["pause", *ahead, *fjord], IN_OSLO.replace("2026-11-23", "2199-11-23").replace("Mon", "Sat")),
        (["incidents", "silence", *ahead, *fjord], "Sat 2199-11-23 02:00 Europe/Oslo"),
    ):
        ended = on_database(*arguments)
        assert ended.code in (0, 3), (arguments, ended)
        assert echo in ended.err, arguments
        assert "2026-11-23 02:00" not in ended.out or "explain" in arguments, arguments
        assert ended.answer is not None if "--json" in arguments else True


def test_the_instant_is_what_is_used(on_database: Command, fjords_integration: str) -> None:
    assert len(on_database("due", "--at", "2026-11-30 14:45", "--json").answer) == 1  # in Chatham, 02:00 in Oslo
    assert on_database("due", "--at", "2026-11-30 02:00", "--json").answer == []
    for at in ("2026-11-30 02:00 Europe/Oslo", "2026-11-30T01:00Z", "2026-11-30 02:00 +01:00"):
        assert len(on_database("due", "--at", at, "--json").answer) == 1
    [found] = on_database("why", "--integration", fjords_integration, "--at", "2026-11-20 02:00", "--json").answer
    assert found["moment"] == "2026-11-20T01:00:00Z"


def test_what_is_written_in_full_is_not_told_again(on_database: Command) -> None:
    assert on_database("runs", "--since", "2026-11-23T02:00+01:00", "--json").err == ""
    assert '"24h" is ' in on_database("runs", "--since", "24h", "--json").err


def test_the_database_s_clock_says_what_now_is(on_database: Command, database: Database) -> None:
    [row] = fetch(database.url, "select now() as now")
    said = on_database("runs", "--since", "yesterday").err
    yesterday = row["now"].astimezone(ZoneInfo("Pacific/Chatham")) - timedelta(days=1)
    assert f"{yesterday:%a %Y-%m-%d} 00:00 Pacific/Chatham" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--since", "2026-10-25 02:30", "--org", FJORD], "Write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00"),
        (["--since", "2026-03-29 02:30", "--org", FJORD], "Write 2026-03-29T01:30+01:00 or 2026-03-29T03:30+02:00"),
        (["--since", "yesterday", "--org", NOWHERE], "the organization's zone is invalid: 'Europe/Atlantis'"),
    ],
)
@pytest.mark.usefixtures("fjords_integration")
def test_what_has_no_single_instant_is_a_usage_error(on_database: Command, options: list[str], says: str) -> None:
    ended = on_database("runs", *options)
    assert (ended.code, ended.out) == (2, "")
    assert says in " ".join(ended.err.replace("│", " ").split())


@pytest.mark.usefixtures("fjords_integration")
def test_an_invalid_zone_stops_nobody_who_needs_none(on_database: Command) -> None:
    for since in ("24h", "2026-11-23T02:00Z", "yesterday UTC"):
        assert on_database("runs", "--since", since, "--org", NOWHERE).code == 0


@pytest.mark.usefixtures("fjords_integration")
def test_a_pause_ends_when_it_was_said_to(on_database: Command, database: Database) -> None:
    ended = on_database("pause", "--org", FJORD, "--reason", "a test", "--until", "tomorrow 18:00", "--yes")
    assert ended.code == 0
    [row] = fetch(database.url, "select until from synkron.pauses")
    assert f"{row['until'].astimezone(ZoneInfo('Europe/Oslo')):%a %Y-%m-%d %H:%M} Europe/Oslo" in ended.err


SUMMER, WINTER = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
FILE = Path(str(files("tzdata.zoneinfo"))) / "Europe" / "Oslo"


@pytest.mark.parametrize("name", ["Europe/Oslo", ":Europe/Oslo", str(FILE), "CET"])
def test_the_zone_of_tz(name: str) -> None:
    assert _hours({"TZ": name}) == (2, 1)


@pytest.mark.parametrize("name", ["", "UTC", "Etc/UTC"])
def test_utc(name: str, tmp_path: Path) -> None:
    assert operators_zone({"TZ": name}) is UTC
    assert operators_zone({}, tmp_path / "none") is UTC


def test_the_zone_of_the_system(tmp_path: Path) -> None:
    link, copy = tmp_path / "link", tmp_path / "copy"
    link.symlink_to(FILE)
    shutil.copy(FILE, copy)
    assert operators_zone({}, link) == ZoneInfo("Europe/Oslo")
    assert _hours({}, copy) == (2, 1)
    # So written, the C library reads the file once instead of at each call.
    assert operators_zone({"TZ": f":{link}"}, link) == ZoneInfo("Europe/Oslo")
    assert _hours({"TZ": str(copy)}, copy) == (2, 1)


@pytest.mark.parametrize("name", ["UTC+1", "Mars/Olympus", "CET-1CEST,M3.5.0,M10.5.0/3", "Europe", "../passwd", "\x00"])
def test_another_tz_is_refused(name: str) -> None:
    with pytest.raises(typer.BadParameter, match="which is not a zone"):
        operators_zone({"TZ": name})


def _hours(environment: dict[str, str], *localtime: Path) -> tuple[float, ...]:
    zone = operators_zone(environment, *localtime)
    offsets = [at.astimezone(zone).utcoffset() for at in (SUMMER, WINTER)]
    return tuple(offset / timedelta(hours=1) for offset in offsets if offset is not None)
