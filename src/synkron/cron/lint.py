"""Warnings about expressions that are well formed but probably not intended (rules W1-W4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from itertools import pairwise

from synkron.cron.expression import Cron
from synkron.cron.field import HOUR, Step
from synkron.cron.pattern import MINUTES_PER_DAY, Pattern, month_of
from synkron.cron.phrases import PHRASES, Phrases
from synkron.cron.timeline import END_OF_TIME, FIRST_INSTANT, LARGEST_CHANGE, MINUTE, Stretch, stretches


@dataclass(frozen=True, slots=True)
class CronWarning:
    """``code`` is the rule, W1 to W4."""

    code: str
    message: str


def lint(cron: Cron, zone: tzinfo, year: int, *, since: date | None = None, language: str = "en") -> list[CronWarning]:
    """What is probably not intended, judged over a calendar year in the zone.

    With ``since``, of the changes of clocks only those of the year that begins with that day count.
    """
    phrases = PHRASES[language]
    never = [cron.describe(language)] if cron.never_fires else []
    begin, end = _year_from(since) if since else (date(year, 1, 1), date(year, 12, 31))
    rules = {
        "W1": never,
        "W2": [_uneven_step(step, phrases) for step in cron.uneven_steps],
        "W3": _either_day(cron, year, phrases),
        "W4": _changes_of_clocks(cron, zone, begin, end, phrases),
    }
    return [CronWarning(code, message) for code, messages in rules.items() for message in messages]


def _uneven_step(step: Step, phrases: Phrases) -> str:
    selected = range(step.first, step.last + 1, step.step)
    said = phrases.too_large if len(selected) == 1 else phrases.uneven if step.restarts else phrases.short
    return said.format(
        field=phrases.fields.get(step.field, step.field),
        step=step.step,
        first=step.first,
        last=step.last,
        end=selected[-1],
    )


def _either_day(pattern: Pattern, year: int, phrases: Phrases) -> Iterator[str]:
    if pattern.either_day:
        both = _days_in(replace(pattern, either_day=False), year)
        yield phrases.either_day.format(days=_days_in(pattern, year), year=year, both=both)


def _days_in(pattern: Pattern, year: int) -> int:
    months = (month for month in range(1, 13) if pattern.months >> month & 1)
    return sum(pattern.days_of(month_of(year, month)).bit_count() for month in months)


def _year_from(day: date) -> tuple[date, date]:
    return day, date.fromordinal(min(day.toordinal() + 364, date.max.toordinal()))


def _changes_of_clocks(pattern: Pattern, zone: tzinfo, begin: date, end: date, phrases: Phrases) -> Iterator[str]:
    first = begin.toordinal() * MINUTES_PER_DAY
    last = end.toordinal() * MINUTES_PER_DAY + MINUTES_PER_DAY - 1
    around = stretches(max(first - MINUTES_PER_DAY, FIRST_INSTANT), min(last + MINUTES_PER_DAY, END_OF_TIME - 1), zone)
    for before, after in pairwise(around):
        jump = after.offset - before.offset
        if _is_unnoticed(pattern, jump):
            continue
        opens, closes = sorted((after.start + before.offset, after.start + after.offset))
        if not first <= opens <= last:
            continue
        walls = [day * MINUTES_PER_DAY + time for day, times in pattern.between(opens, closes - 1) for time in times]
        if walls:
            yield _effect(pattern, after, jump, phrases).format(
                zone=zone, walls=_named(walls, phrases), at=f"{_time(after.start + after.offset):%H:%M}"
            )


def _is_unnoticed(pattern: Pattern, jump: int) -> bool:
    """An expression of every hour keeps its rhythm when the clocks change by whole hours."""
    return pattern.hours == HOUR.every and not pattern.fixed_time and jump % 60 == 0 and jump <= LARGEST_CHANGE


def _named(walls: list[int], phrases: Phrases) -> str:
    first, last = _time(walls[0]), _time(walls[-1])
    begin = f"{first:%Y-%m-%d %H:%M}"
    if len(walls) == 1:
        return begin
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return phrases.walls.format(first=begin, last=until, number=len(walls))


def _effect(pattern: Pattern, after: Stretch, jump: int, phrases: Phrases) -> str:
    if jump < 0:
        return phrases.clocks_repeat[0 if pattern.fixed_time else 1]
    return phrases.clocks_skip[0 if pattern.fixed_time and after.skipped else 1]


def _time(wall: int) -> datetime:
    return datetime.fromordinal(wall // MINUTES_PER_DAY) + MINUTE * (wall % MINUTES_PER_DAY)
