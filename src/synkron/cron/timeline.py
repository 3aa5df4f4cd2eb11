"""When the clocks of a zone change: stretches of time with one offset (rules C15, C17-C19).

Instants are minutes of UTC, counted from the start of the proleptic Gregorian calendar like the wall-clock minutes in
``pattern``: an instant plus the offset is its wall-clock minute.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

from synkron.cron.pattern import MINUTES_PER_DAY
from synkron.errors import NaiveDatetimeError

MINUTE = timedelta(minutes=1)

# The first and the last day of Python's calendar have no occurrences: their wall-clock time may be outside of it.
FIRST_INSTANT = 2 * MINUTES_PER_DAY
END_OF_TIME = date.max.toordinal() * MINUTES_PER_DAY

# A larger jump forward is a correction (C18).
LARGEST_CHANGE = 3 * 60

# Two days: since 1900 no zone has changed its offset twice within three days, or gone back by more than one day.
_PROBE = 2 * MINUTES_PER_DAY
# Stretches are computed and remembered in blocks of 2 ** 19 minutes, about a year.
_BLOCK_BITS = 19

_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
_ORIGIN_MINUTE = _ORIGIN.toordinal() * MINUTES_PER_DAY


class Stretch(NamedTuple):
    """From ``start`` up to ``end``, the clocks are ``offset`` minutes ahead of UTC.

    Just before ``start`` they skipped ``skipped`` wall-clock minutes (C17; 0 for a correction, C18); from ``start`` on
    they repeat ``repeated`` minutes (C19).
    """

    start: int
    end: int
    offset: int
    skipped: int = 0
    repeated: int = 0


def stretch_at(minute: int, zone: tzinfo) -> Stretch:
    """The stretch that contains the instant, which must be at least FIRST_INSTANT and before END_OF_TIME.

    A stretch also ends at the end of its block; the next one then continues it.
    """
    for stretch in _block(minute >> _BLOCK_BITS, zone):
        if minute < stretch.end:
            return stretch
    raise ValueError(f"the instant {minute} is out of bounds")


def stretches(first: int, last: int, zone: tzinfo) -> Iterator[Stretch]:
    """The stretches from one instant to another, both within the bounds of ``stretch_at``."""
    cursor = first
    while cursor <= last:
        stretch = stretch_at(cursor, zone)
        yield stretch
        cursor = stretch.end


def utc(instant: datetime) -> datetime:
    """The instant in UTC, which stays within Python's calendar. Raises NaiveDatetimeError."""
    if instant.tzinfo is UTC:
        return instant
    if instant.utcoffset() is None:
        raise NaiveDatetimeError(
            f"{instant.isoformat()} has no zone, so it is not an instant; add one, such as {instant.isoformat()}+00:00"
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return instant.replace(tzinfo=UTC)


def minute_of(instant: datetime) -> int:
    """The minute that contains the instant, given in UTC."""
    return instant.toordinal() * MINUTES_PER_DAY + instant.hour * 60 + instant.minute


def instant_of(minute: int) -> datetime:
    """The start of the minute, in UTC."""
    return _ORIGIN + MINUTE * (minute - _ORIGIN_MINUTE)


@lru_cache(maxsize=4096)
def _block(number: int, zone: tzinfo) -> tuple[Stretch, ...]:
    """The stretches of a block. Safe to remember: a zone's rules do not change while it is loaded."""
    begin = max(number << _BLOCK_BITS, FIRST_INSTANT)
    end = min(number + 1 << _BLOCK_BITS, END_OF_TIME)
    if isinstance(zone, timezone):
        return (Stretch(FIRST_INSTANT, END_OF_TIME, _offset(begin, zone)),)
    stretches = []
    start = max(begin - _PROBE, FIRST_INSTANT)  # An overlap may have begun in the previous block.
    stretch = Stretch(start, end, _offset(start, zone))
    for probe in range(start, end, _PROBE):
        stop = min(probe + _PROBE, end)
        if _offset(stop - 1, zone) != stretch.offset:
            change = _first_change(probe, stop, stretch.offset, zone)
            stretches.append(stretch._replace(end=change))
            stretch = _after_change(change, end, stretch.offset, zone)
    stretches.append(stretch)
    return tuple(_cut(stretch, begin) for stretch in stretches if stretch.end > begin)


def _first_change(start: int, end: int, offset: int, zone: tzinfo) -> int:
    return start + bisect_left(range(start, end), True, key=lambda minute: _offset(minute, zone) != offset)


def _after_change(change: int, end: int, before: int, zone: tzinfo) -> Stretch:
    offset = _offset(change, zone)
    jump = offset - before
    return Stretch(change, end, offset, jump if 0 < jump <= LARGEST_CHANGE else 0, max(-jump, 0))


def _cut(stretch: Stretch, begin: int) -> Stretch:
    if stretch.start >= begin:
        return stretch
    return stretch._replace(start=begin, skipped=0, repeated=max(stretch.start + stretch.repeated - begin, 0))


def _offset(minute: int, zone: tzinfo) -> int:
    """The offset in whole minutes. C15 ignores the seconds that some offsets had before 1972."""
    offset = zone.fromutc(instant_of(minute).replace(tzinfo=zone)).utcoffset()
    assert offset is not None  # noqa: S101 - fromutc has refused such a zone
    return offset // MINUTE
