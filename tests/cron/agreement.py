"""One question asked in every way that there is."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from synkron.cron import Cron, minute_range

MINUTE = timedelta(minutes=1)


def all_answers(cron: Cron, start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
    """The occurrences after start, up to and including end, after seeing that every method agrees on them."""
    occurrences = cron.occurrences(start, end, zone)
    assert stepped_forward(cron, start, end, zone) == occurrences
    assert stepped_back(cron, start, end, zone) == occurrences
    assert matched(cron, start, end, zone) == occurrences
    assert cron.fires_within(minute_range(start, end, zone)) == bool(occurrences)
    return occurrences


def stepped_forward(cron: Cron, start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
    """By next_after."""
    found = []
    moment = cron.next_after(start, zone)
    while moment is not None and moment <= end:
        found.append(moment)
        moment = cron.next_after(moment, zone)
    return found


def stepped_back(cron: Cron, start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
    """By previous_before, put into order."""
    found = []
    moment = cron.previous_before(end + MINUTE, zone)
    while moment is not None and moment > start:
        found.append(moment)
        moment = cron.previous_before(moment, zone)
    return found[::-1]


def matched(cron: Cron, start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
    """By matches, minute by minute; and by windows of a few minutes."""
    first = start.replace(second=0, microsecond=0)
    minutes = [first + MINUTE * n for n in range(1, (end - first) // MINUTE + 1)]
    found = [minute for minute in minutes if cron.matches(minute, zone)]
    steps = [start, *minutes[2::3], end]
    short = [moment for low, high in pairwise(steps) for moment in cron.occurrences(low, high, zone)]
    assert short == found
    return found
