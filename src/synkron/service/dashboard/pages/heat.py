"""The heat map: how full each hour of each day is, expected and actual, and what a spread would even out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

from fastapi import APIRouter
from starlette.responses import Response

from synkron.model import Window
from synkron.reports.exports.ranges import instant_of
from synkron.reports.forecast.advice import advice
from synkron.reports.overview.coming import MINUTE, coming_fires
from synkron.reports.overview.heat import HeatCell, heat
from synkron.service.api.heavy import Heavy
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard import times
from synkron.service.dashboard.parameters import OneType
from synkron.service.dashboard.type_filter import filter_types
from synkron.service.dashboard.viewer import FleetView, Viewer
from synkron.service.dashboard.zones import Zone

router = APIRouter(include_in_schema=False)
DAY = timedelta(days=1)
BACK, AHEAD = 7, 7
# How many shades there are, beside that of nothing.
SHADES = 6


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour as it is shown: its shade, from 0 for nothing; and how many did not run of what is over."""

    expected: int
    actual: int
    shade: int
    missing: int


@router.get("/heat")
async def heat_map(
    view: FleetView,
    zone: Zone,
    _: Heavy,
    connection: Db,
    parts: Parts,
    scope: OneType,
) -> Response:
    """A week back and a week ahead, an hour a cell."""
    view = zone.of(view)
    is_read = await parts.freshness.ensure(connection)
    today = view.now.astimezone(view.zone).date()
    days = [today + DAY * number for number in range(-BACK, AHEAD + 1)]
    start, end = (instant_of(one, view.zone) for one in (days[0], days[-1] + DAY))
    cells = await heat(connection, scope, start, end, view.zone)
    begin = view.now.replace(second=0, microsecond=0)
    fires = await coming_fires(connection, scope, Window(begin, begin + DAY))
    proposed = advice(fires, parts.settings.policies)
    return zone.kept(
        view.page(
            "heat.html",
            is_read=is_read,
            rows=_rows(view, cells, days),
            today=today,
            hour=view.now.astimezone(view.zone).hour,
            most=max((one.expected for one in cells), default=0),
            expected=sum(one.expected for one in cells),
            missing=sum(max(one.expected - one.actual, 0) for one in cells if _is_over(view, one)),
            type=scope.integration_type,
            types=await filter_types(view, connection, parts),
            advice=[(one, begin + MINUTE * (one.minute + 1)) for one in proposed],
            asked_zone=zone.name,
            shades=range(SHADES + 1),
        )
    )


def _rows(view: Viewer, cells: Sequence[HeatCell], days: list[date]) -> list[dict[str, object]]:
    """A row for each day, with 24 hours; None where nothing is expected."""
    most = max((one.expected for one in cells), default=0)
    found = {(one.day, one.hour): _shown(view, one, most) for one in cells}
    return [
        {
            "day": day,
            "name": times.day(view.words, instant_of(day, view.zone).astimezone(view.zone), view.now),
            "hours": [found.get((day, hour)) for hour in range(24)],
            "total": sum(one.expected for one in cells if one.day == day),
        }
        for day in days
    ]


def _shown(view: Viewer, one: HeatCell, most: int) -> Hour:
    """The shade grows with the square root, so that small hours are told apart beside a herd."""
    shade = max(1, round(SHADES * sqrt(one.expected / most))) if one.expected and most else 0
    missing = max(one.expected - one.actual, 0) if _is_over(view, one) else 0
    return Hour(one.expected, one.actual, shade, missing)


def _is_over(view: Viewer, one: HeatCell) -> bool:
    local = view.now.astimezone(view.zone)
    return (one.day, one.hour) < (local.date(), local.hour)
