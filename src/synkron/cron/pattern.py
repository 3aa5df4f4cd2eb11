"""Which wall-clock minutes an expression selects, in a calendar without zones (rules C11-C13).

A wall-clock minute is counted from the start of the proleptic Gregorian calendar: ``date.toordinal() * 1440`` plus
the minute of the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date
from functools import lru_cache
from typing import NamedTuple

from synkron.cron.field import Step

MINUTES_PER_DAY = 24 * 60
EVERY_WEEKDAY = (1 << 7) - 1

_LAST_DAY = date.max.toordinal()
_UP_TO_29 = sum(1 << day for day in range(1, 30))
_DAY_30 = 1 << 30
_WITHOUT_FEBRUARY = sum(1 << month for month in range(1, 13) if month != 2)
_WITH_31_DAYS = sum(1 << month for month in (1, 3, 5, 7, 8, 10, 12))
# Multiplying this by seven weekday bits repeats them for six weeks, enough for the longest month.
_SIX_WEEKS = sum(1 << 7 * week for week in range(6))


@dataclass(frozen=True, slots=True)
class Pattern:
    """Five bit masks (bit n: the value n is selected; Sunday is 0), and the flags that depend on stars.

    ``either_day``: a day matches on either day field (C11). ``fixed_time``: C16. ``uneven_steps``: for W2.
    """

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    either_day: bool
    fixed_time: bool
    uneven_steps: tuple[Step, ...] = ()

    @property
    def never_fires(self) -> bool:
        """Whether no selected month has a selected day (C13).

        Weekdays can't prevent it: every day of the year, 29 February too, falls on each of them within 40 years.
        """
        return not (
            self.either_day
            or self.days & _UP_TO_29
            or (self.days & _DAY_30 and self.months & _WITHOUT_FEBRUARY)
            or self.months & _WITH_31_DAYS
        )

    def first_from(self, wall: int) -> int | None:
        """The first selected minute at or after ``wall``; None if the calendar has none."""
        day, time = divmod(wall, MINUTES_PER_DAY)
        found = self._day_from(day)
        if found == day:
            later = self._time_from(time)
            if later is not None:
                return day * MINUTES_PER_DAY + later
            found = self._day_from(day + 1)
        if found is None:
            return None
        return found * MINUTES_PER_DAY + lowest(self.hours) * 60 + lowest(self.minutes)

    def last_until(self, wall: int) -> int | None:
        """The last selected minute at or before ``wall``; None if the calendar has none."""
        day, time = divmod(wall, MINUTES_PER_DAY)
        found = self._day_until(day)
        if found == day:
            earlier = self._time_until(time)
            if earlier is not None:
                return day * MINUTES_PER_DAY + earlier
            found = self._day_until(day - 1)
        if found is None:
            return None
        return found * MINUTES_PER_DAY + highest(self.hours) * 60 + highest(self.minutes)

    def between(self, first: int, last: int) -> Iterator[tuple[int, list[int]]]:
        """Each selected day from ``first`` to ``last``, with its selected minutes that are between them."""
        (first_day, first_time), (last_day, last_time) = divmod(first, MINUTES_PER_DAY), divmod(last, MINUTES_PER_DAY)
        minutes = list(bits(self.minutes))
        whole_day: list[int] = []
        day = self._day_from(first_day)
        while day is not None and day <= last_day:
            if first_day < day < last_day:
                whole_day = whole_day or [60 * hour + minute for hour in bits(self.hours) for minute in minutes]
                yield day, whole_day
            else:
                low = first_time if day == first_day else 0
                high = last_time if day == last_day else MINUTES_PER_DAY - 1
                hours = self.hours & (2 << high // 60) - 1 & -1 << low // 60
                times = [60 * hour + minute for hour in bits(hours) for minute in minutes]
                yield day, [time for time in times if low <= time <= high]
            day = self._day_from(day + 1)

    def days_of(self, month: Month) -> int:
        """The mask of the days of the month that match (C11); bit 1 is the first."""
        on_weekday = self.weekdays * _SIX_WEEKS << 1 >> month.first_weekday
        selected = self.days | on_weekday if self.either_day else self.days & on_weekday
        return selected & month.days

    def _day_from(self, day: int) -> int | None:
        if day > _LAST_DAY:
            return None
        start = date.fromordinal(day)
        months = self.months & -1 << start.month
        for year in range(start.year, MAXYEAR + 1):
            while months:
                month = month_of(year, lowest(months))
                if days := self.days_of(month) & -1 << max(day - month.eve, 0):
                    return month.eve + lowest(days)
                months &= months - 1
            if self.never_fires:
                return None
            months = self.months
        return None

    def _day_until(self, day: int) -> int | None:
        if day < 1:
            return None
        end = date.fromordinal(day)
        months = self.months & (2 << end.month) - 1
        for year in range(end.year, MINYEAR - 1, -1):
            while months:
                month = month_of(year, highest(months))
                if days := self.days_of(month) & (2 << min(day - month.eve, 31)) - 1:
                    return month.eve + highest(days)
                months ^= 1 << highest(months)
            if self.never_fires:
                return None
            months = self.months
        return None

    def _time_from(self, time: int) -> int | None:
        hour, minute = divmod(time, 60)
        if self.hours >> hour & 1 and (minutes := self.minutes >> minute):
            return time + lowest(minutes)
        if hours := self.hours & -2 << hour:
            return lowest(hours) * 60 + lowest(self.minutes)
        return None

    def _time_until(self, time: int) -> int | None:
        hour, minute = divmod(time, 60)
        if self.hours >> hour & 1 and (minutes := self.minutes & (2 << minute) - 1):
            return hour * 60 + highest(minutes)
        if hours := self.hours & (1 << hour) - 1:
            return highest(hours) * 60 + highest(self.minutes)
        return None


class Month(NamedTuple):
    """``eve`` is the ordinal of the day before the first; ``days`` the mask of its days."""

    eve: int
    first_weekday: int
    days: int


@lru_cache(maxsize=4096)
def month_of(year: int, month: int) -> Month:
    """The month's place in the calendar."""
    first = date(year, month, 1)
    end = date(year, month + 1, 1).toordinal() if month < 12 else first.toordinal() + 31
    length = end - first.toordinal()
    return Month(first.toordinal() - 1, first.isoweekday() % 7, (2 << length) - 2)


def lowest(mask: int) -> int:
    """The number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def highest(mask: int) -> int:
    """The number of the highest bit that is set."""
    return mask.bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, upward."""
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit
