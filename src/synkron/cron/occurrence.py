"""When an expression fires in a zone: wall-clock minutes are turned into instants (rules C15-C19).

Every question is answered from the same stretches. Within a stretch the wall clock runs evenly; special cases occur
only at its beginning. Minutes are counted as in ``pattern`` and ``timeline``.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from synkron.cron.pattern import MINUTES_PER_DAY, Pattern
from synkron.cron.timeline import (
    END_OF_TIME,
    FIRST_INSTANT,
    MINUTE,
    Stretch,
    instant_of,
    stretch_at,
    stretches,
)

# From midnight to each minute of the day.
_MINUTES = tuple(MINUTE * minute for minute in range(MINUTES_PER_DAY))


def first_within(pattern: Pattern, first: int, last: int, zone: tzinfo) -> datetime | None:
    """The first occurrence from one minute to another, both included."""
    cursor, last = max(first, FIRST_INSTANT), min(last, END_OF_TIME - 1)
    while cursor <= last:
        stretch = stretch_at(cursor, zone)
        if cursor == stretch.start and fires_for_gap(pattern, stretch):
            return instant_of(cursor)
        wall = pattern.first_from(max(cursor, _first_fresh(pattern, stretch)) + stretch.offset)
        if wall is None:
            return None
        minute = wall - stretch.offset
        if minute < stretch.end:
            return instant_of(minute) if minute <= last else None
        cursor = stretch.end
    return None


def last_until(pattern: Pattern, minute: int, zone: tzinfo) -> datetime | None:
    """The last occurrence at or before the minute."""
    cursor = min(minute, END_OF_TIME - 1)
    while cursor >= FIRST_INSTANT:
        stretch = stretch_at(cursor, zone)
        wall = pattern.last_until(cursor + stretch.offset)
        if wall is not None and wall - stretch.offset >= _first_fresh(pattern, stretch):
            return instant_of(wall - stretch.offset)
        if fires_for_gap(pattern, stretch):
            return instant_of(stretch.start)
        if wall is None:
            return None
        cursor = stretch.start - 1
    return None


def between(pattern: Pattern, first: int, last: int, zone: tzinfo) -> list[datetime]:
    """The occurrences from one minute to another, both included and within the bounds of ``timeline``.

    The cost grows with days and occurrences, not with minutes.
    """
    occurrences: list[datetime] = []
    for stretch in stretches(first, last, zone):
        start = max(first, _first_fresh(pattern, stretch))
        if start == stretch.start and fires_for_gap(pattern, stretch):
            occurrences.append(instant_of(start))
            start += 1
        end = min(last, stretch.end - 1)
        for day, times in pattern.between(start + stretch.offset, end + stretch.offset):
            midnight = instant_of(day * MINUTES_PER_DAY - stretch.offset)
            occurrences += [midnight + _MINUTES[time] for time in times]
    return occurrences


def fires_for_gap(pattern: Pattern, stretch: Stretch) -> bool:
    """Whether a fixed-time expression has a time in the gap before the stretch (C17)."""
    if not (stretch.skipped and pattern.fixed_time):
        return False
    resumed = stretch.start + stretch.offset
    wall = pattern.first_from(resumed - stretch.skipped)
    return wall is not None and wall < resumed


def _first_fresh(pattern: Pattern, stretch: Stretch) -> int:
    """The first instant of the stretch whose wall-clock minute counts: a fixed time counts once (C19)."""
    return stretch.start + stretch.repeated if pattern.fixed_time else stretch.start
