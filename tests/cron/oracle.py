"""The rules C3-C8, C11 and C15-C19 once more, said minute by minute: slow, plain, and sharing nothing with the product.

Wall-clock time comes from ``zoneinfo`` by a round trip for every single minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

MINUTE = timedelta(minutes=1)
THREE_HOURS = timedelta(hours=3)

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {
    name: str(number)
    for names in ("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", "MON TUE WED THU FRI SAT SUN")
    for number, name in enumerate(names.split(), 1)
}


@dataclass(frozen=True)
class Oracle:
    """What a well-formed expression means, as five sets."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    fixed_time: bool

    def occurrences(self, start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
        """The instants after start, up to and including end, at which the expression fires."""
        return [minute for minute, walls in clock(start, end, zone) if self._fires(minute, walls, zone)]

    def selects(self, wall: datetime) -> bool:
        """Whether the wall-clock minute is one of the expression's, by C11."""
        on_day, on_weekday = wall.day in self.days, wall.isoweekday() in self.weekdays
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.month in self.months
            and (on_day or on_weekday if self.either_day else on_day and on_weekday)
        )

    def _fires(self, minute: datetime, walls: tuple[datetime, datetime], zone: tzinfo) -> bool:
        before, now = walls
        own = self.selects(now)
        if not self.fixed_time:
            return own
        if own and now.replace(tzinfo=zone, fold=0).astimezone(UTC) < minute:
            return False  # C19: the same wall-clock minute has been before
        jump = now - before - MINUTE
        if timedelta(0) < jump <= THREE_HOURS:  # C17, C18
            skipped = (before + MINUTE * n for n in range(1, jump // MINUTE + 1))
            return own or any(self.selects(wall) for wall in skipped)
        return own


@lru_cache(maxsize=64)
def clock(start: datetime, end: datetime, zone: tzinfo) -> list[tuple[datetime, tuple[datetime, datetime]]]:
    """Every whole minute of UTC after start, with the wall clock a minute earlier and then."""
    minute = start.replace(second=0, microsecond=0)
    wall = minute.astimezone(zone).replace(tzinfo=None, fold=0)
    minutes = []
    while (minute := minute + MINUTE) <= end:
        before, wall = wall, minute.astimezone(zone).replace(tzinfo=None, fold=0)
        minutes.append((minute, (before, wall)))
    return minutes


def read(text: str) -> Oracle:
    """The sets that a well-formed expression selects."""
    fields = text.upper().split()
    minutes, hours, days, months, weekdays = map(_field, fields, BOUNDS)
    return Oracle(
        minutes,
        hours,
        days,
        months,
        weekdays | {7} if 0 in weekdays else weekdays,  # 0 and 7 are Sunday, which isoweekday calls 7
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
        fixed_time=not fields[0].startswith("*") and not fields[1].startswith("*"),
    )


def _field(text: str, bounds: tuple[int, int]) -> frozenset[int]:
    return frozenset(value for item in text.split(",") for value in _item(item, *bounds))


def _item(item: str, low: int, high: int) -> Iterator[int]:
    span, _, step = item.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        start, stop = low, high
    else:
        start = _number(first) if first != "SUN" else 0
        stop = _number(last) if dash else high if step else start
    yield from range(start, stop + 1, int(step or 1))


def _number(text: str) -> int:
    return int(NAMES.get(text, text))


def changes(zone: tzinfo, first_year: int, last_year: int) -> list[datetime]:
    """The first whole minutes after each change of clocks, found by looking once a day."""
    found = []
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    at, offset = datetime(first_year, 1, 1, tzinfo=UTC), None
    while at < end:
        now = at.astimezone(zone).utcoffset()
        if offset is not None and now != offset:
            minute = at
            while (minute - MINUTE).astimezone(zone).utcoffset() == now:
                minute -= MINUTE
            found.append(minute)
        at, offset = at + timedelta(days=1), now
    return found
