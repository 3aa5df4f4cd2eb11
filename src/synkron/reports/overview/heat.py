"""How full each hour of each day is: what the schedules ask for, and what has run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from synkron.errors import Refused
from synkron.model import Scope, Window
from synkron.postgres.connection import Connection
from synkron.reports.overview.coming import MINUTE, coming_fires
from synkron.reports.overview.past import QUARTER, SQL

LONGEST = timedelta(days=32)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """An hour of the wall clock. ``expected`` moments are of it, of which the runs of ``actual`` have started.

    An hour that the clocks repeat counts in one cell; one that they skip has none.
    """

    day: date
    hour: int
    expected: int
    actual: int


async def heat(
    connection: Connection, scope: Scope, start: datetime, end: datetime, zone: tzinfo
) -> Sequence[HeatCell]:
    """The hours of the zone from ``start`` up to ``end`` in which something is expected, in order.

    Up to the watermark, what was decided is expected: each moment of a schedule, however it was decided. After it, what
    the schedules of now ask for (``coming_fires``). Raises Refused for a span that is empty or longer than 32 days.
    """
    if not timedelta() < end - start <= LONGEST:
        raise Refused(f"end: a heat map ends after its start, at most {LONGEST.days} days later.")
    watermark = await connection.fetchval(SQL["watermark"]) or start
    # Zones differ from UTC by whole quarters of an hour.
    begin = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
    cells: dict[tuple[date, int], list[int]] = defaultdict(lambda: [0, 0])

    def cell(at: datetime) -> list[int]:
        local = at.astimezone(zone)
        return cells[local.date(), local.hour]

    async with connection.transaction(readonly=True):
        await connection.execute(SQL["room"])
        quarters = await connection.fetch(SQL["quarters"], begin, end, QUARTER, *scope)
    for row in quarters:
        found = cell(row["at"])
        found[0] += row["expected"]
        found[1] += row["actual"]
    ahead = max(begin - MINUTE, watermark.replace(second=0, microsecond=0))
    if ahead < end:
        for by_minute in (await coming_fires(connection, scope, Window(ahead, _last_minute(end)))).values():
            for minute, fires in enumerate(by_minute):
                if fires:
                    cell(ahead + MINUTE * (minute + 1))[0] += fires
    return [HeatCell(day, hour, *counts) for (day, hour), counts in sorted(cells.items())]


def _last_minute(end: datetime) -> datetime:
    """The last whole minute before the end."""
    floor = end.replace(second=0, microsecond=0)
    return floor if floor < end else floor - MINUTE
