"""C14: what names a zone, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.cron import parse, parse_zone
from synkron.errors import ZoneError


def offset(hours: int, minutes: int = 0) -> timezone:
    return timezone(timedelta(hours=hours, minutes=minutes))


KNOWN = [
    (None, UTC),
    ("", UTC),
    ("  ", UTC),
    ("UTC", UTC),
    ("utc", UTC),
    ("GMT", UTC),
    ("Z", UTC),
    ("z", UTC),
    ("Europe/Oslo", ZoneInfo("Europe/Oslo")),
    (" Europe/Oslo ", ZoneInfo("Europe/Oslo")),
    ("America/Argentina/Buenos_Aires", ZoneInfo("America/Argentina/Buenos_Aires")),
    ("Etc/GMT+5", ZoneInfo("Etc/GMT+5")),
    ("EST5EDT", ZoneInfo("EST5EDT")),
    ("+02:00", offset(2)),
    ("-0530", offset(-5, -30)),
    ("+2", offset(2)),
    ("+02", offset(2)),
    ("-7", offset(-7)),
    ("+5:45", offset(5, 45)),
    ("+00:00", UTC),
    ("-00:30", offset(0, -30)),
    ("UTC+1", offset(1)),
    ("utc+01:00", offset(1)),
    ("GMT-3", offset(-3)),
    ("UTC-0930", offset(-9, -30)),
    ("+14:00", offset(14)),
    ("-14:00", offset(-14)),
    (0, UTC),
    (60, offset(1)),
    (-210, offset(-3, -30)),
    (840, offset(14)),
    (Decimal(345), offset(5, 45)),
    (Decimal("-210.00"), offset(-3, -30)),
]

UNKNOWN = [
    ("Europe/Atlantis", "not a known zone"),
    ("europe/oslo", "names are case-sensitive; write Europe/Oslo"),
    ("../etc/passwd", "not a known zone"),
    ("/etc/passwd", "not a known zone"),
    ("/usr/share/zoneinfo/Europe/Oslo", "not a known zone"),
    ("Europe/../Europe/Oslo", "not a known zone"),
    ("Europe", "not a known zone"),
    ("Europe/Oslo\x00", "not a known zone"),
    ("localtime", "not a known zone"),
    ("Factory", "not a known zone"),
    ("posixrules", "not a known zone"),
    ("tzdata.zi", "not a known zone"),
    ("120", "not a known zone"),
    ("2", "not a known zone"),
    ("+", "not a known zone"),
    ("+530", "not a known zone"),
    ("+5:4", "not a known zone"),
    ("+05:45:00", "not a known zone"),
    ("++5", "not a known zone"),
    ("+5-3", "not a known zone"),
    ("+٢", "not a known zone"),
    ("−2", "not a known zone"),
    ("UTC+1:5", "not a known zone"),
    ("UTC 1", "not a known zone"),
    ("CEST", "not a known zone"),
    ("+02:60", "at most 14:00, and its minutes at most 59"),
    ("+14:01", "at most 14:00"),
    ("-99:00", "at most 14:00"),
    (841, "at most 840 minutes (14 hours)"),
    (7200, "at most 840 minutes (14 hours)"),
    (10**400, "at most 840 minutes (14 hours)"),
    (Decimal("1e999999"), "at most 840 minutes (14 hours)"),
    (Decimal("30.5"), "30.5: an offset must be a whole number of minutes"),
    (Decimal("NaN"), "not a number of minutes"),
    (Decimal("-Infinity"), "not a number of minutes"),
    (True, "a bool is not a zone"),
    (False, "a bool is not a zone"),
    (1.5, "a float is not a zone"),
    (b"UTC", "a bytes is not a zone"),
    ("x" * 100_000, "not a known zone"),
]


# requirement R6
@pytest.mark.parametrize(("value", "zone"), KNOWN, ids=lambda value: f"C14: {value!r}")
def test_c14_known(value: str | int | Decimal | None, zone: tzinfo) -> None:
    assert parse_zone(value) == zone


@pytest.mark.parametrize(
    ("value", "reason"),
    UNKNOWN,
    ids=[f"C14: {repr(value)[:40]!a}" for value, _ in UNKNOWN],
)
def test_c14_unknown(value: str, reason: str) -> None:
    with pytest.raises(ZoneError) as caught:
        parse_zone(value)
    assert reason in str(caught.value)
    assert "a zone is an IANA name such as Europe/Oslo, an offset such as +02:00" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_c14_every_iana_name_is_known() -> None:
    for name in available_timezones() - {"Factory", "localtime"}:
        assert parse_zone(name) == (UTC if name in {"UTC", "GMT"} else ZoneInfo(name))


def test_c14_names_are_known_where_the_system_has_no_tz_database() -> None:
    """The tzdata package stands in."""
    script = "from synkron.cron import parse_zone; print(parse_zone('Europe/Oslo'))"
    environment = {"PYTHONTZPATH": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout == "Europe/Oslo\n"


@given(st.text() | st.text(alphabet="UTCGMZ+-0123456789: /."))
def test_c14_any_text_is_a_zone_or_a_zone_error(text: str) -> None:
    with suppress(ZoneError):
        assert parse_zone(text).utcoffset(datetime(2026, 1, 1)) is not None  # noqa: DTZ001


WALL_CLOCK = [
    ("0 2 * * *", None, "02:00"),
    ("0 2 * * *", "+02:00", "00:00"),
    ("0 2 * * *", "-0530", "07:30"),
    ("0 2 * * *", "Asia/Kathmandu", "20:15"),
    ("0 2 * * *", "Europe/Oslo", "01:00"),
    ("0 2 * * *", "Pacific/Chatham", "12:15"),
    ("0 2 * * *", 345, "20:15"),
]


@pytest.mark.parametrize(("text", "zone", "in_utc"), WALL_CLOCK, ids=lambda value: f"C14: {value}")
def test_c14_fields_are_wall_clock_time(text: str, zone: str | int | None, in_utc: str) -> None:
    moment = parse(text).next_after(datetime(2026, 1, 10, 0, 0, tzinfo=UTC) - timedelta(minutes=1), parse_zone(zone))
    assert moment is not None
    assert f"{moment:%H:%M}" == in_utc
    assert moment.tzinfo is UTC
