"""Warnings about expressions that are well formed but probably not intended (rules W1-W4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from itertools import pairwise

from synkron.cron.expression import Cron
from synkron.cron.field import HOUR, Step
from synkron.cron.pattern import MINUTES_PER_DAY, Pattern, month_of
from synkron.cron.timeline import END_OF_TIME, FIRST_INSTANT, LARGEST_CHANGE, MINUTE, Stretch, stretches


@dataclass(frozen=True, slots=True)
class CronWarning:
    """``code`` is the rule, W1 to W4."""

    code: str
    message: str


def lint(cron: Cron, zone: tzinfo, year: int, *, since: date | None = None) -> list[CronWarning]:
    """What is probably not intended, judged over a calendar year in the zone.

    With ``since``, of the changes of clocks only those of the year that begins with that day count.
    """
    never = [cron.describe()] if cron.never_fires else []
    rules = {
        "W1": never,
        "W2": map(_uneven_step, cron.uneven_steps),
        "W3": _either_day(cron, year),
        "W4": _changes_of_clocks(cron, zone, *(_year_from(since) if since else (date(year, 1, 1), date(year, 12, 31)))),
    }
    return [CronWarning(code, message) for code, messages in rules.items() for message in messages]


def _uneven_step(step: Step) -> str:
    selected = range(step.first, step.last + 1, step.step)
    if len(selected) == 1:
        return f"{step.field}: the step {step.step} is larger than the range; only {step.first} is selected"
    if step.restarts:
        return f"{step.field}: the step {step.step} is uneven: {selected[-1]} is followed by {step.first}"
    return f"{step.field}: the step {step.step} does not reach {step.last}; it ends at {selected[-1]}"


def _either_day(pattern: Pattern, year: int) -> Iterator[str]:
    if pattern.either_day:
        both = _days_in(replace(pattern, either_day=False), year)
        yield (
            "day of month and day of week are both restricted, so either is enough: "
            f"{_days_in(pattern, year)} days in {year}; if both had to match, {both}"
        )


def _days_in(pattern: Pattern, year: int) -> int:
    months = (month for month in range(1, 13) if pattern.months >> month & 1)
    return sum(pattern.days_of(month_of(year, month)).bit_count() for month in months)


def _year_from(day: date) -> tuple[date, date]:
    return day, date.fromordinal(min(day.toordinal() + 364, date.max.toordinal()))


def _changes_of_clocks(pattern: Pattern, zone: tzinfo, begin: date, end: date) -> Iterator[str]:
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
            yield f"the clocks of {zone} {_effect(pattern, _named(walls), after, jump)}"


def _is_unnoticed(pattern: Pattern, jump: int) -> bool:
    """An expression of every hour keeps its rhythm when the clocks change by whole hours."""
    return pattern.hours == HOUR.every and not pattern.fixed_time and jump % 60 == 0 and jump <= LARGEST_CHANGE


def _named(walls: list[int]) -> str:
    first, last = _time(walls[0]), _time(walls[-1])
    if len(walls) == 1:
        return f"{first:%Y-%m-%d %H:%M}"
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {until} ({len(walls)} times)"


def _effect(pattern: Pattern, walls: str, after: Stretch, jump: int) -> str:
    if jump < 0:
        return f"repeat {walls}; it fires at {'the first only' if pattern.fixed_time else 'both'}"
    if pattern.fixed_time and after.skipped:
        return f"skip {walls}; it fires once instead, at {_time(after.start + after.offset):%H:%M}"
    return f"skip {walls}; it does not fire there"


def _time(wall: int) -> datetime:
    return datetime.fromordinal(wall // MINUTES_PER_DAY) + MINUTE * (wall % MINUTES_PER_DAY)
