"""Times as people write them, and the instants that they mean. Pure.

Nothing is guessed: a time that the clocks of the zone skip or show twice is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum

from synkron.text import EARLIEST, LATEST, duration, one_line

LONGEST_TEXT = 80

MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS = {"today": timedelta(), "yesterday": -DAY, "tomorrow": DAY}

ALLOWED = (
    'Write 02:00, yesterday, "last monday 02:00", 2026-11-23, "2h ago" or "in 2h", and with a zone 2026-11-23T02:00Z, '
    '2026-11-23T02:00+01:00 or "02:00 Europe/Oslo".'
)
_FROM_NOW = re.compile(r"(in )?(\w+)( ago)?")
_ON_CLOCKS = re.compile(
    rf"""
    (?P<day> {"|".join(DAYS)} | ((last|next)\ )?({"|".join(WEEKDAYS)}) | \d{{4}}-\d\d-\d\d )?
    (^|\ |(?<=\d)T|$) (at\ )?
    (?P<clock> ([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)? )?
    (\ ?(?P<zone> Z | (UTC|GMT)([+-][\d:]+)? | [+-]\d[\d:]* | [a-z_]+/[\w/+-]+ ))?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


class Meant(Enum):
    """Which one a time of day or a weekday means that has no date: the last one or the next one."""

    PAST = -1
    FUTURE = 1


class TimeRefused(ValueError):
    """A text is no time, or no single one; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class WrittenTime:
    """A time as it was written: an ``instant``, ``from_now``, or a day and a time on the clocks of a zone.

    A day without a time is when it begins. ``zone`` is None where none was written.
    """

    text: str
    meant: Meant
    instant: datetime | None = None
    from_now: timedelta | None = None
    day: date | str = ""
    clock: time | None = None
    zone: tzinfo | None = None

    @property
    def needs_zone(self) -> bool:
        """Whether the instant depends on a zone that was not written."""
        return self.instant is None and self.from_now is None and self.zone is None

    def moment(self, now: datetime, zone: tzinfo) -> datetime:
        """The instant that is meant, in UTC. Raises TimeRefused."""
        if self.instant is not None:
            return self.instant
        if self.from_now is not None:
            return (now + self.from_now).astimezone(UTC)
        zone = self.zone or zone
        *days, last = self._days(now.astimezone(zone).date())
        for day in days:
            readings = _readings(day, self.clock or time(), zone)
            if readings[0] <= now if self.meant is Meant.PAST else readings[-1] > now:
                return self._on(day, zone)
        return _in_range(self.text, self._on(last, zone))

    def _days(self, today: date) -> Iterator[date]:
        """The days that may be meant, the nearest first. The last one is meant where none before it fits."""
        way = self.meant.value
        if isinstance(self.day, date):
            yield _in_range(self.text, datetime.combine(self.day, time(), UTC)).date()
        elif not self.day:
            yield from (today, today + way * DAY)
        elif self.day in DAYS:
            yield today + DAYS[self.day]
        else:
            *which, name = self.day.split()
            way = {"last": -1, "next": 1}[which[0]] if which else way
            nearest = today + way * DAY * (way * (WEEKDAYS.index(name) - today.weekday()) % 7)
            if which:
                yield nearest if nearest != today else today + way * WEEK
            else:
                yield from (nearest, nearest + way * WEEK)

    def _on(self, day: date, zone: tzinfo) -> datetime:
        """The only instant at which the zone's clocks show the time on that day."""
        if self.clock is None:
            return _start(self.text, day, zone)
        wall = datetime.combine(day, self.clock)
        readings = _readings(day, self.clock, zone)
        shown = [one for one in readings if one.astimezone(zone).replace(tzinfo=None) == wall]
        if len(shown) == 1:
            return shown[0]
        choice = " or ".join(one.astimezone(zone).isoformat(timespec="minutes") for one in readings)
        raise TimeRefused(
            f'"{self.text}": the clocks of {zone_name(readings[0], zone)} {"show" if shown else "skip"} '
            f"{wall:%Y-%m-%d %H:%M}{' twice' if shown else ''}. Write {choice}."
        )


def read_time(text: str, meant: Meant) -> WrittenTime:
    """What a text says, whatever the time is and the zone. Raises TimeRefused."""
    text = " ".join(text.split())
    if len(text) > LONGEST_TEXT:
        raise TimeRefused(f'"{one_line(text, LONGEST_TEXT)}" is not a time. {ALLOWED}')
    if text.lower() == "now":
        return WrittenTime(text, meant, from_now=timedelta())
    found = _FROM_NOW.fullmatch(text)
    if found and (length := duration(found[2])) is not None and not (found[1] and found[3]):
        if not (found[1] or found[3] or meant is Meant.PAST):
            raise TimeRefused(f'"{text}" could be before or after now. Write "{text} ago" or "in {text}".')
        return WrittenTime(text, meant, from_now=length if found[1] else -length)
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return _on_clocks(text, meant)
    if written.utcoffset() is not None:
        return WrittenTime(text, meant, instant=_in_range(text, written))
    return WrittenTime(text, meant, day=written.date(), clock=None if _is_date(text) else written.time())


def _on_clocks(text: str, meant: Meant) -> WrittenTime:
    found = _ON_CLOCKS.fullmatch(text)
    if found is None or not (found["day"] or found["clock"]):
        raise TimeRefused(f'"{text}" is not a time. {ALLOWED}')
    from synkron.cron import parse_zone

    written, clock = (found["day"] or "").lower(), found["clock"]
    try:
        day = date.fromisoformat(written) if written[:1].isdigit() else written
        zone = parse_zone(found["zone"]) if found["zone"] else None
    except ValueError as error:
        raise TimeRefused(f'"{text}" is not a time: {error}.') from None
    return WrittenTime(text, meant, day=day, clock=time.fromisoformat(clock.zfill(5)) if clock else None, zone=zone)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _in_range(text: str, written: datetime) -> datetime:
    try:
        found = written.astimezone(UTC)
    except OverflowError:
        found = LATEST
    if not EARLIEST <= found < LATEST:
        raise TimeRefused(f'"{text}" is out of range; the years {EARLIEST.year} to {LATEST.year - 1} are allowed.')
    return found


def _readings(day: date, clock: time, zone: tzinfo) -> list[datetime]:
    """That day and time by the zone's offset before a change of its clocks and by the one after it, in order."""
    return sorted({datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)})


def _start(text: str, day: date, zone: tzinfo) -> datetime:
    """When the day begins: at midnight, at the first of two, or where the clocks skip it when they go on."""
    readings = _readings(day, time(), zone)
    at = readings[0]
    while at <= readings[-1]:
        if at.astimezone(zone).date() == day:
            return at
        at += MINUTE
    raise TimeRefused(f'"{text}": the clocks of {zone_name(at, zone)} skip {day:%Y-%m-%d} as a whole.')


def zone_name(at: datetime, zone: tzinfo) -> str:
    """A zone as people are told it."""
    return getattr(zone, "key", None) or at.astimezone(zone).tzname() or str(zone)
