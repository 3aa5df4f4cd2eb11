"""How many integrations fire and start, in JSON. The form is documented in docs/commands.md, and stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.reports.forecast.outlook import Forecast, TypeForecast
from synkron.reports.forecast.store import ComparedForecast
from synkron.reports.forecast.warnings import warnings
from synkron.text import duration_text


@dataclass(frozen=True, slots=True)
class Warned:
    """What should be looked at."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class HerdFacts:
    """A minute in which many fire; ``last_start`` is null if it is after the forecast."""

    minute: datetime
    fires: int
    last_start: datetime | None


@dataclass(frozen=True, slots=True)
class MinuteFacts:
    """A minute in which something fires, starts, or waits."""

    minute: datetime
    fires: int
    starts: float
    waiting: float


@dataclass(frozen=True, slots=True)
class SideFacts:
    """A type under a policy, as set or as proposed. ``spread`` is written as in the settings."""

    spread: str
    pace: int | None
    concurrency: int
    starts: float
    later: float
    waiting_at_the_end: float
    peak: Mapping[str, datetime | float] | None
    most_waiting: Mapping[str, datetime | float] | None
    herds: Sequence[HerdFacts]
    warnings: Sequence[Warned]
    minutes: Sequence[MinuteFacts]


@dataclass(frozen=True, slots=True)
class TypeForecastFacts:
    """A type."""

    integration_type: str
    integrations: int
    fires: int
    as_set: SideFacts
    proposed: SideFacts | None


@dataclass(frozen=True, slots=True)
class ForecastFacts:
    """The fleet. ``pauses`` are in effect, and ignored; null if they can't be read."""

    after: datetime
    until: datetime
    left_out: int
    pauses: int | None
    types: Sequence[TypeForecastFacts]


def forecast_facts(outlook: ComparedForecast) -> ForecastFacts:
    """The whole forecast for programs."""
    as_set, proposed = outlook.as_set, outlook.proposed
    types = [
        TypeForecastFacts(
            integration_type=name,
            integrations=one.integrations,
            fires=one.fired,
            as_set=_side(name, as_set),
            proposed=None if proposed is None else _side(name, proposed),
        )
        for name, one in as_set.types.items()
    ]
    return ForecastFacts(as_set.window.start, as_set.window.end, as_set.left_out, outlook.pauses, types)


def _side(name: str, forecast: Forecast) -> SideFacts:
    one = forecast.types[name]
    return SideFacts(
        spread=duration_text(one.policy.spread),
        pace=one.policy.pace,
        concurrency=one.policy.concurrency,
        starts=_number(one.started),
        later=_number(one.later),
        waiting_at_the_end=_number(one.left_waiting),
        peak=_most(one, one.starts, "starts"),
        most_waiting=_most(one, one.waiting, "waiting"),
        herds=[HerdFacts(herd.at, herd.fires, herd.last_start) for herd in one.herds],
        warnings=[Warned(each.kind, each.message) for each in warnings(forecast) if each.integration_type == name],
        minutes=[
            MinuteFacts(one.instant(minute), fires, _number(one.starts[minute]), _number(one.waiting[minute]))
            for minute, fires in enumerate(one.fires)
            if fires or one.starts[minute] or one.waiting[minute]
        ],
    )


def _number(figure: float) -> float:
    """To the hundredth; a whole one without a point."""
    rounded = round(figure, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def _most(one: TypeForecast, figures: Sequence[float], name: str) -> Mapping[str, datetime | float] | None:
    """The first minute with the largest figure; None where all are zero."""
    most = max(figures)
    return {"minute": one.instant(figures.index(most)), name: _number(most)} if most else None
