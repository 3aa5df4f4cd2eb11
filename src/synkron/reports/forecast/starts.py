"""When the fires start: spread over time, and no more per minute than the pace. Pure: values in, values out.

The same as ``spread`` does to the runs of a tick, but for counts instead of single runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from math import ceil

from synkron.reports.forecast.fires import FireMinute
from synkron.scheduler.spread import MINUTE

# Expected starts are not whole numbers; values that differ by less than this are equal.
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Queue:
    """By minute: how many ask to start, how many start, and how many have found no room by its end.

    Whole numbers if nothing is spread, otherwise expected values.
    """

    asks: Sequence[float]
    starts: Sequence[float]
    waiting: Sequence[float]


def room_of(fire: FireMinute, spread: timedelta) -> float:
    """Over how many minutes the starts of a fire are spread, if its type has this spread."""
    return min((spread if fire.spread is None else fire.spread) / MINUTE, fire.room)


def spread_out(fires: Mapping[FireMinute, int], spread: timedelta, minutes: int) -> list[float]:
    """How many ask to start in each minute: the starts of each fire are distributed evenly over its room.

    Starts after the last minute are left out.
    """
    at_once: list[float] = [0] * minutes
    # The change of the rate of starts from one minute to the next.
    change = [0.0] * minutes
    is_spread = False
    for fire, count in fires.items():
        room = room_of(fire, spread)
        if room <= 1:
            at_once[fire.minute] += count
            continue
        is_spread = True
        rate, whole = count / room, int(room)
        end, rest = fire.minute + whole, rate * (room - whole)
        change[fire.minute] += rate
        if end < minutes:
            change[end] -= rate - rest
        if end + 1 < minutes:
            change[end + 1] -= rest
    if not is_spread:
        return at_once
    return [now + (rate if rate > _SLACK else 0) for now, rate in zip(at_once, accumulate(change), strict=True)]


def paced(asks: Sequence[float], pace: int | None) -> Queue:
    """No minute has more starts than the pace; what finds no room waits for the next minute that has room."""
    if pace is None:
        return Queue(asks, asks, [0] * len(asks))
    starts: list[float] = []
    waiting: list[float] = []
    left: float = 0
    for ask in asks:
        wanted = left + ask
        start = min(wanted, pace)
        left = wanted - start
        starts.append(start)
        waiting.append(left)
    return Queue(asks, starts, waiting)


def last_starts(queue: Queue, pace: int, minutes: Sequence[int]) -> list[timedelta]:
    """For each of the minutes, which are in order: when the last start requested by its end takes place.

    Counted from the start of the first minute. Starts are even within a minute. It may be after the last minute.
    """
    found = []
    asked = list(accumulate(queue.asks))
    started = list(accumulate(queue.starts))
    at = 0
    for minute in minutes:
        at = max(at, minute)
        while at < len(started) and started[at] < asked[minute] - _SLACK:
            at += 1
        before = started[at - 1] if at else 0
        index = max(ceil(asked[minute] - before - _SLACK) - 1, 0)
        found.append(MINUTE * (at + index // pace) + MINUTE / pace * (index % pace))
    return found
