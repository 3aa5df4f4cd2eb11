"""A minute as the clocks of a zone show it, shared by all expressions that are asked about it.

A tick asks thousands of expressions about the same one or two minutes in a few zones. The work that depends only on the
minute and the zone is therefore done once and kept in a bounded memo.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

from synkron.cron.occurrence import fires_for_gap
from synkron.cron.pattern import MINUTES_PER_DAY, Pattern
from synkron.cron.timeline import END_OF_TIME, FIRST_INSTANT, Stretch, instant_of, minute_of, stretch_at, utc

# Ranges shorter than this many minutes list their moments. A tick's window has one or two minutes.
_SHORT_RANGE = 5
_EVERY_MINUTE = (1 << 60) - 1


class Moment(NamedTuple):
    """A minute of UTC, with the bit of each wall-clock field in the masks of a pattern.

    ``after_gap`` is the stretch that begins at this minute after a gap.
    """

    instant: datetime
    minute: int
    hour: int
    day: int
    month: int
    weekday: int
    is_repeated: bool = False
    after_gap: Stretch | None = None


class MinuteRange(NamedTuple):
    """The minutes from ``first`` to ``last``: listed as moments if they are few, otherwise given with their zone.

    ``minutes`` are the bits of its minutes past the hour: an expression that selects none of them does not fire
    in it. Short ranges of zones with the same wall-clock time are equal, so a set of ranges contains each only once.
    """

    first: int
    last: int
    minutes: int
    moments: tuple[Moment, ...]
    zone: tzinfo | None


def fires_at(pattern: Pattern, moment: Moment) -> bool:
    """Whether the moment is an occurrence (C11, C17, C19)."""
    if (
        pattern.minutes & moment.minute
        and pattern.hours & moment.hour
        and pattern.months & moment.month
        and (
            pattern.days & moment.day or pattern.weekdays & moment.weekday
            if pattern.either_day
            else pattern.days & moment.day and pattern.weekdays & moment.weekday
        )
    ):
        return not (moment.is_repeated and pattern.fixed_time)
    return moment.after_gap is not None and fires_for_gap(pattern, moment.after_gap)


@lru_cache(maxsize=1024)
def moment_at(instant: datetime, zone: tzinfo) -> Moment:
    """The moment at an instant in UTC. An instant that is not on a whole minute has no bits: nothing matches (C15)."""
    minute = minute_of(instant)
    if instant.second or instant.microsecond or not FIRST_INSTANT <= minute < END_OF_TIME:
        return Moment(instant, 0, 0, 0, 0, 0)
    return _moment(instant, minute, zone)


def minute_range(start: datetime, end: datetime, zone: tzinfo) -> MinuteRange:
    """The minutes after ``start``, up to and including ``end``. Raises NaiveDatetimeError."""
    return _minute_range(utc(start), utc(end), zone)


@lru_cache(maxsize=1024)
def _minute_range(start: datetime, end: datetime, zone: tzinfo) -> MinuteRange:
    first, last = max(minute_of(start) + 1, FIRST_INSTANT), min(minute_of(end), END_OF_TIME - 1)
    if last - first >= _SHORT_RANGE:
        return MinuteRange(first, last, _EVERY_MINUTE, (), zone)
    moments = tuple(_moment(instant_of(minute), minute, zone) for minute in range(first, last + 1))
    minutes = sum({moment.minute for moment in moments})
    if any(moment.after_gap for moment in moments):
        minutes = _EVERY_MINUTE
    return MinuteRange(first, last, minutes, moments, None)


def _moment(instant: datetime, minute: int, zone: tzinfo) -> Moment:
    stretch = stretch_at(minute, zone)
    day, time = divmod(minute + stretch.offset, MINUTES_PER_DAY)
    today = date.fromordinal(day)
    return Moment(
        instant,
        1 << time % 60,
        1 << time // 60,
        1 << today.day,
        1 << today.month,
        1 << today.isoweekday() % 7,
        minute < stretch.start + stretch.repeated,
        stretch if stretch.skipped and minute == stretch.start else None,
    )
