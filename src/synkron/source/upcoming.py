"""The next moments of many rows, in order of time. Pure: no driver, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from heapq import heapify, heappop, heapreplace

from synkron.cron import Cron
from synkron.model import Integration, InvalidIntegration, Steps, Window
from synkron.source.due import at_once, misplaced, schedule_of


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A future moment at which an integration's schedule fires."""

    scheduled_for: datetime
    integration: Integration


def upcoming(rows: Iterable[Integration], window: Window, types: Collection[str]) -> Iterator[Upcoming]:
    """The moments of the window, soonest first, each computed only when it is asked for.

    The work is done once per expression and zone. Invalid rows are left out.
    """
    return at_once(upcoming_in_steps(rows, window, types))


def upcoming_in_steps(rows: Iterable[Integration], window: Window, types: Collection[str]) -> Steps[Iterator[Upcoming]]:
    """The same, of many rows. What is left to be done when a moment is asked for does not grow with them."""
    schedules: dict[tuple[Cron, tzinfo], list[Integration]] = defaultdict(list)
    for row in rows:
        schedule = _judged(row, types)
        if isinstance(schedule, tuple):
            schedules[schedule].append(row)
        yield
    return _merged(schedules, window)


def _merged(schedules: Mapping[tuple[Cron, tzinfo], list[Integration]], window: Window) -> Iterator[Upcoming]:
    cursors = [
        (moment, number, schedule)
        for number, schedule in enumerate(schedules)
        if (moment := _next(schedule, window.start, window.end)) is not None
    ]
    heapify(cursors)
    while cursors:
        moment, number, schedule = cursors[0]
        for row in schedules[schedule]:
            yield Upcoming(moment, row)
        following = _next(schedule, moment, window.end)
        if following is None:
            heappop(cursors)
        else:
            heapreplace(cursors, (following, number, schedule))


def count_invalid(rows: Iterable[Integration], types: Collection[str]) -> int:
    """How many rows should fire and can't."""
    return sum(isinstance(_judged(row, types), InvalidIntegration) for row in rows)


def _judged(row: Integration, types: Collection[str]) -> tuple[Cron, tzinfo] | InvalidIntegration | None:
    """The row's expression and zone, or why it can't run; None if it is not to."""
    if not row.is_enabled or row.cron_schedule is None:
        return None
    return misplaced(row, types) or schedule_of(row, row.cron_schedule)


def _next(schedule: tuple[Cron, tzinfo], after: datetime, end: datetime) -> datetime | None:
    cron, zone = schedule
    moment = cron.next_after(after, zone)
    return moment if moment is not None and moment <= end else None
