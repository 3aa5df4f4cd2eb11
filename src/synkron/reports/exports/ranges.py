"""The nights, days, weeks and months that a report is about, in a zone. Pure: the time now is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from synkron.errors import Refused
from synkron.model import Window

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# A night lasts from the evening to the morning.
EVENING, MORNING = time(18), time(8)


@dataclass(frozen=True, slots=True)
class Range:
    """A window of time, with the words that people use for it: ``title`` for a heading, ``name`` as in "all of NAME".

    Instants are in UTC. ``zone`` is the one in which its times are shown.
    """

    window: Window
    zone: tzinfo
    title: str
    name: str

    @property
    def is_empty(self) -> bool:
        """Whether there is no such time: it lies ahead, or a change of the zone's clocks skipped it."""
        return self.window.start >= self.window.end

    def check(self, now: datetime) -> None:
        """Raise Refused if there is nothing to report of it."""
        if self.is_empty:
            raise Refused(
                f"There is no time in {self.title}: it ends before it begins, or the zone's clocks skipped it."
            )
        if self.window.start >= now:
            raise Refused(f"{self.title} has not begun. Give a range in the past.")


def last_night(now: datetime, zone: tzinfo) -> Range:
    """From yesterday evening to this morning, or to now if it is not morning yet."""
    today = now.astimezone(zone).date()
    window = Window(instant_of(today - DAY, zone, EVENING), min(instant_of(today, zone, MORNING), now))
    hours = f"{EVENING:%H:%M} to {window.end.astimezone(zone):%H:%M}"
    return Range(window, zone, f"the night to {_date(today)}, {hours}", "the night")


def day(on: date, zone: tzinfo) -> Range:
    """From midnight to midnight, which may be 23 or 25 hours."""
    return _days(on, on + DAY, zone, _date(on), f"{on.day} {on:%B}")


def week(of: date, zone: tzinfo) -> Range:
    """The week of the date, Monday to Sunday, with its number in ISO 8601."""
    monday = of - timedelta(days=of.weekday())
    sunday = monday + 6 * DAY
    first = f"{monday.day}" if monday.month == sunday.month else f"{monday.day} {monday:%B}"
    number = monday.isocalendar().week
    return _days(monday, monday + WEEK, zone, f"week {number}, {first} to {_date(sunday)}", f"week {number}")


def month(of: date, zone: tzinfo) -> Range:
    """The month of the date."""
    first = of.replace(day=1)
    return _days(first, (first + 31 * DAY).replace(day=1), zone, f"{first:%B} {first.year}", f"{first:%B}")


def between(start: datetime, end: datetime, zone: tzinfo) -> Range:
    """From one instant to another."""
    window = Window(start.astimezone(UTC), end.astimezone(UTC))
    return Range(window, zone, f"{_minute(start, zone)} to {_minute(end, zone)}", "this time")


def _days(first: date, after: date, zone: tzinfo, title: str, name: str) -> Range:
    return Range(Window(instant_of(first, zone), instant_of(after, zone)), zone, title, name)


def instant_of(on: date, zone: tzinfo, at: time = time()) -> datetime:
    """The first instant of the local time; if the clocks skip it, the instant at which they do."""
    return datetime.combine(on, at, zone).astimezone(UTC)


def _date(on: date) -> str:
    return f"{on.day} {on:%B} {on.year}"


def _minute(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
