"""The time zone of a schedule's wall-clock times (rule C14)."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache
from typing import NoReturn
from zoneinfo import ZoneInfo, available_timezones

from synkron.errors import ZoneError

# As in XML Schema; no place on Earth is farther from UTC.
LARGEST_OFFSET_IN_MINUTES = 14 * 60

# Names in the zone database that are not places: "not set yet", and the setting of this host.
_NO_PLACES = {"Factory", "localtime", "posixrules"}

_ALLOWED = (
    "a zone is an IANA name such as Europe/Oslo, an offset such as +02:00, UTC+1 or Z, "
    "a whole number of minutes, or empty for UTC"
)


# requirement R6
def parse_zone(value: str | int | Decimal | None) -> tzinfo:
    """The zone for a value from the database: a name, an offset or a number of minutes. None and empty are UTC.

    IANA names are case-sensitive; ``UTC``, ``GMT`` and ``Z`` are not. Raises ZoneError.
    """
    if value is None:
        return UTC
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _zone_of_number(value)
    if not isinstance(value, str):
        _refuse(value, f"a {type(value).__name__} is not a zone")
    text = value.strip()
    if not text or text.upper() in {"UTC", "GMT", "Z"}:
        return UTC
    # Only listed names reach the file system: no paths, and the same result if its file names ignore case.
    if text in _names():
        return ZoneInfo(text)
    return _zone_of_offset(text)


def _zone_of_number(minutes: int | Decimal) -> tzinfo:
    if isinstance(minutes, Decimal) and not minutes.is_finite():
        _refuse(minutes, "not a number of minutes")
    if not -LARGEST_OFFSET_IN_MINUTES <= minutes <= LARGEST_OFFSET_IN_MINUTES:
        _refuse(minutes, f"an offset may be at most {LARGEST_OFFSET_IN_MINUTES} minutes (14 hours)")
    if minutes != int(minutes):
        _refuse(minutes, "an offset must be a whole number of minutes")
    return timezone(timedelta(minutes=int(minutes)))


def _zone_of_offset(text: str) -> tzinfo:
    offset = text[3:] if text[:3].upper() in {"UTC", "GMT"} else text
    sign, digits = offset[:1], offset[1:]
    hours, colon, minutes = digits.partition(":")
    if not colon and len(digits) == 4:
        hours, minutes = digits[:2], digits[2:]
    well_formed = len(hours) in (1, 2) and len(minutes) == (2 if colon or minutes else 0)
    if sign not in ("+", "-") or not well_formed or not (digits.isascii() and (hours + minutes).isdecimal()):
        _refuse(text, _reason(text))
    total = int(hours) * 60 + int(minutes or 0)
    if int(minutes or 0) > 59 or total > LARGEST_OFFSET_IN_MINUTES:
        _refuse(text, "an offset may be at most 14:00, and its minutes at most 59")
    return timezone(timedelta(minutes=-total if sign == "-" else total))


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_PLACES)


def _reason(text: str) -> str:
    meant = next((name for name in _names() if name.lower() == text.lower()), None)
    return f"names are case-sensitive; write {meant}" if meant else "not a known zone"


def _refuse(value: object, reason: str) -> NoReturn:
    shown = str(value) if isinstance(value, Decimal) else ascii(value)
    shown = shown if len(shown) <= 42 else f"{shown[:39]}..."
    raise ZoneError(f"{shown}: {reason}; {_ALLOWED}")
