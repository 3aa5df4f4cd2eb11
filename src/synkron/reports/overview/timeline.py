"""What comes, on a ruler: fires by type and step, herds, warm-ups, and runs that are caught up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest

from synkron.errors import Refused
from synkron.model import Scope, Window
from synkron.postgres.connection import Connection
from synkron.reports.forecast.outlook import HERDS
from synkron.reports.overview.coming import MINUTE, SQL, coming_fires
from synkron.scheduler.decide import HEAD_START
from synkron.settings.load import Settings
from synkron.settings.policy import needs_warm_up
from synkron.settings.sections import TypeSettings

LONGEST = timedelta(days=8)
# The shortest step of a ruler of at most this length.
STEPS = ((timedelta(hours=3), MINUTE), (timedelta(hours=36), 15 * MINUTE), (LONGEST, 60 * MINUTE))


@dataclass(frozen=True, slots=True)
class HerdMark:
    """One of a type's largest minutes: so many of its integrations fire together."""

    at: datetime
    fires: int


@dataclass(frozen=True, slots=True)
class Lane:
    """What comes of one type.

    ``fires`` and ``caught_up`` count by step: schedules that fire, and claimed runs of missed moments that may start.
    ``warm_ups`` are when its target is called ahead, if nothing else calls it before.
    """

    integration_type: str
    fires: Sequence[int]
    caught_up: Sequence[int]
    herds: Sequence[HerdMark]
    warm_ups: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The ruler from ``start`` to ``end``, whole minutes. Step ``n`` begins at ``start + n * step``."""

    start: datetime
    end: datetime
    step: timedelta
    lanes: Sequence[Lane]


async def timeline(
    connection: Connection, settings: Settings, scope: Scope, start: datetime, end: datetime
) -> Timeline:
    """What comes from ``start`` up to ``end``, of the integrations that can run, paused or not.

    The span begins and ends on the next whole minutes. The fires are those of ``coming_fires``, up to a minute old.
    Raises Refused for a span that is empty or longer than 8 days.
    """
    start, end = _whole_minute(start), _whole_minute(end)
    step = next((step for longest, step in STEPS if start < end and end - start <= longest), None)
    if step is None:
        raise Refused(f"end: a timeline ends after its start, at most {LONGEST.days} days later.")
    # A window leaves its start out and has its end; a ruler the other way round.
    window = Window(start - MINUTE, end - MINUTE)
    fires = await coming_fires(connection, scope, window)
    claimed = await connection.fetch(SQL["caught_up"], start, end - MINUTE, *scope)
    called = {row["integration_type"]: row["met_at"] for row in await connection.fetch(SQL["last_called"])}
    steps = -((start - end) // step)
    caught_up: dict[str, list[int]] = {}
    for row in claimed:
        counts = caught_up.setdefault(row["integration_type"], [0] * steps)
        counts[(row["at"] - start) // step] += row["runs"]
    lanes = []
    for kind in sorted({*fires, *caught_up}):
        by_minute = fires.get(kind, ())
        lanes.append(
            Lane(
                kind,
                _summed(by_minute, step, steps),
                caught_up.get(kind, [0] * steps),
                [HerdMark(start + MINUTE * minute, by_minute[minute]) for minute in _largest(by_minute)],
                list(_warm_ups(by_minute, start, settings.types.get(kind), called.get(kind))),
            )
        )
    return Timeline(start, end, step, lanes)


def _whole_minute(at: datetime) -> datetime:
    """The first whole minute that is not before the instant."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + MINUTE


def _summed(by_minute: Sequence[int], step: timedelta, steps: int) -> list[int]:
    size = step // MINUTE
    return [sum(by_minute[number * size : (number + 1) * size]) for number in range(steps)]


def _largest(by_minute: Sequence[int]) -> list[int]:
    """The largest minutes in which several fire, the largest first."""
    return nlargest(HERDS, (n for n, fires in enumerate(by_minute) if fires > 1), key=by_minute.__getitem__)


def _warm_ups(
    by_minute: Sequence[int], start: datetime, kind: TypeSettings | None, met_at: datetime | None
) -> Iterator[datetime]:
    """When a warm-up is sent: half a minute ahead of a fire that would meet a cold target."""
    if kind is None or not (kind.is_http and kind.warm_up.enabled):
        return
    for minute, fires in enumerate(by_minute):
        if fires:
            moment = start + MINUTE * minute
            if needs_warm_up(met_at, moment, kind.keep_warm):
                yield moment - HEAD_START
            met_at = moment
