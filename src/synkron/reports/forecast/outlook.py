"""The forecast of each type under its policy: starts, backlog and herds. Pure: values in, values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest

from synkron.model import Window
from synkron.reports.forecast.fires import Fires
from synkron.reports.forecast.starts import Queue, last_starts, paced, room_of, spread_out
from synkron.scheduler.spread import MINUTE
from synkron.settings.policy import Policy

# How many of a type's largest minutes are its herds.
HERDS = 10


@dataclass(frozen=True, slots=True)
class Herd:
    """A minute in which many integrations of a type fire.

    The last of them has started by ``last_start``; None if that depends on what fires after the window.
    """

    at: datetime
    fires: int
    last_start: datetime | None


@dataclass(frozen=True, slots=True)
class TypeForecast:
    """One type. ``fires``, ``starts`` and ``waiting`` are by minute; those ``waiting`` found no room up to then.

    Starts are whole numbers if nothing is spread, otherwise expected values. The herds are ordered by size.
    """

    window: Window
    policy: Policy
    integrations: int
    fires: Sequence[int]
    starts: Sequence[float]
    waiting: Sequence[float]
    herds: Sequence[Herd]

    @property
    def fired(self) -> int:
        """How many fire in the window."""
        return sum(self.fires)

    @property
    def started(self) -> float:
        """How many of them start in it."""
        return sum(self.starts)

    @property
    def later(self) -> float:
        """How many of them start after it, because of the spread, or because no minute had room."""
        return max(self.fired - self.started, 0)

    @property
    def left_waiting(self) -> float:
        """How many still wait for room at the end."""
        return self.waiting[-1] if self.waiting else 0

    def instant(self, minute: int) -> datetime:
        """When the minute with this number begins."""
        return self.window.start + MINUTE * (minute + 1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The fleet, by type in the order of their names. ``left_out`` integrations can't run."""

    window: Window
    types: Mapping[str, TypeForecast]
    left_out: int


def forecast(fires: Fires, policies: Mapping[str, Policy]) -> Forecast:
    """The forecast of the fires under these policies. It does not include runs claimed before the window."""
    types = {name: _forecast(fires, name, policies[name]) for name in sorted(fires.integrations)}
    return Forecast(fires.window, types, fires.left_out)


def _forecast(fires: Fires, name: str, policy: Policy) -> TypeForecast:
    by_minute = [0] * fires.minutes
    # The largest room, in minutes, of the fires in each minute.
    rooms: dict[int, float] = defaultdict(float)
    for fire, count in fires.fires[name].items():
        by_minute[fire.minute] += count
        rooms[fire.minute] = max(rooms[fire.minute], room_of(fire, policy.spread))
    queue = paced(spread_out(fires.fires[name], policy.spread, fires.minutes), policy.pace)
    largest = nlargest(HERDS, sorted(rooms), key=by_minute.__getitem__)
    ends = _ends(queue, policy.pace, {minute: rooms[minute] for minute in largest})
    first = fires.window.start + MINUTE
    herds = [
        Herd(first + MINUTE * minute, by_minute[minute], None if (end := ends[minute]) is None else first + end)
        for minute in largest
    ]
    return TypeForecast(fires.window, policy, fires.integrations[name], by_minute, queue.starts, queue.waiting, herds)


def _ends(queue: Queue, pace: int | None, rooms: Mapping[int, float]) -> Mapping[int, timedelta | None]:
    """When the last fire of each of these minutes has started, counted from the start of the first minute."""
    ends = {minute: MINUTE * (minute + room) for minute, room in rooms.items()}
    if pace is None:
        return ends
    asked_by = {minute: minute + max(-int(-room // 1) - 1, 0) for minute, room in rooms.items()}
    known = sorted({asked for asked in asked_by.values() if asked < len(queue.asks)})
    last = dict(zip(known, last_starts(queue, pace, known), strict=True))
    return {minute: max(ends[minute], last[asked]) if asked in last else None for minute, asked in asked_by.items()}
