"""A minute as the clocks of a zone show it, shared by all the expressions that are asked about it.

A tick asks thousands of expressions about the same minute or two in a handful of zones. The work that depends on the
minute and the zone alone is therefore done once and remembered: a pure memo, bounded.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

from synkron.cron.occurrence import fires_for_gap
from synkron.cron.pattern import MINUTES_PER_DAY, Pattern
from synkron.cron.timeline import END_OF_TIME, FIRST_INSTANT, Stretch, instant_of, minute_of, stretch_at, utc

# Spans of up to so many minutes list their moments: a tick's window has one or two.
_SHORT_SPAN = 5
_EVERY_MINUTE = (1 << 60) - 1


class Moment(NamedTuple):
    """A minute of UTC, and the bit that each of its wall-clock fields has in the masks of a pattern.

    ``after_gap`` is the stretch that begins here after a gap.
    """

    instant: datetime
    minute: int
    hour: int
    day: int
    month: int
    weekday: int
    is_repeated: bool = False
    after_gap: Stretch | None = None


class Span(NamedTuple):
    """The minutes from ``first`` to ``last``: listed as moments when they are few, otherwise with their zone.

    An expression that selects none of ``minutes``, the bits of minutes past the hour, does not fire in the span. Short
    spans of zones whose clocks show the same are equal, so that a set of spans asks each question once.
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
    """The moment at an instant in UTC. One that is not on a whole minute has no bits: it matches nothing (C15)."""
    minute = minute_of(instant)
    if instant.second or instant.microsecond or not FIRST_INSTANT <= minute < END_OF_TIME:
        return Moment(instant, 0, 0, 0, 0, 0)
    return _moment(instant, minute, zone)


def span_between(start: datetime, end: datetime, zone: tzinfo) -> Span:
    """The minutes after ``start``, up to and including ``end``. Raises NaiveDatetimeError."""
    return _span(utc(start), utc(end), zone)


@lru_cache(maxsize=1024)
def _span(start: datetime, end: datetime, zone: tzinfo) -> Span:
    first, last = max(minute_of(start) + 1, FIRST_INSTANT), min(minute_of(end), END_OF_TIME - 1)
    if last - first >= _SHORT_SPAN:
        return Span(first, last, _EVERY_MINUTE, (), zone)
    moments = tuple(_moment(instant_of(minute), minute, zone) for minute in range(first, last + 1))
    minutes = sum({moment.minute for moment in moments})
    if any(moment.after_gap for moment in moments):
        minutes = _EVERY_MINUTE
    return Span(first, last, minutes, moments, None)


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
