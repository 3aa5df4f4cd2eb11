"""The warnings about a forecast. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from synkron.reports.forecast.outlook import Forecast, TypeForecast


class WarningKind(StrEnum):
    """What a warning is about."""

    PACE_BELOW_LOAD = "pace_below_load"
    WAITING_AT_THE_END = "waiting_at_the_end"
    ABOVE_CONCURRENCY = "above_concurrency"


@dataclass(frozen=True, slots=True)
class ForecastWarning:
    """A warning about one type."""

    kind: WarningKind
    integration_type: str
    message: str


def warnings(forecast: Forecast) -> list[ForecastWarning]:
    """All warnings, by type."""
    return [warned for name, one in forecast.types.items() for warned in _of_type(name, one)]


def _of_type(name: str, one: TypeForecast) -> Iterator[ForecastWarning]:
    if round(one.left_waiting):
        yield _waiting(name, one)
    most = max(one.starts, default=0)
    if round(most) > one.policy.concurrency:
        at = one.instant(one.starts.index(most))
        yield ForecastWarning(
            WarningKind.ABOVE_CONCURRENCY,
            name,
            f"{name}: {most:,.0f} start at {at:%Y-%m-%d %H:%M} and {one.policy.concurrency:,} may run at once, so up "
            f"to {most - one.policy.concurrency:,.0f} wait for others to end",
        )


def _waiting(name: str, one: TypeForecast) -> ForecastWarning:
    """The warning about runs that still wait at the end: a herd fired late, or there are too many for the pace."""
    minutes = len(one.fires)
    room = (one.policy.pace or 0) * minutes
    left = f"{one.left_waiting:,.0f} wait at the end"
    if one.fired <= room:
        return ForecastWarning(
            WarningKind.WAITING_AT_THE_END, name, f"{name}: {left}, because they fired late in the window"
        )
    return ForecastWarning(
        WarningKind.PACE_BELOW_LOAD,
        name,
        f"{name}: the pace is below the load: {one.fired:,} fire, but at {one.policy.pace:,} a minute only {room:,} "
        f"can start, and {left}. The backlog grows until that changes; the load is "
        f"{ceil(one.fired / minutes):,} a minute",
    )
