"""The types of a forecast and their herds, as tables and as JSON, whose form is documented in docs/commands.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from synkron.cli.output import facts_in_json, show_table
from synkron.cli.table import Field
from synkron.reports.forecast.outlook import Forecast, Herd, TypeForecast
from synkron.reports.forecast.store import ComparedForecast
from synkron.reports.forecast.warnings import warnings
from synkron.scheduler.spread import MINUTE
from synkron.text import duration_text

HERDS_OF_A_TYPE = 3


@dataclass(frozen=True, slots=True)
class Side:
    """What becomes of a type in one forecast: as it is set, or as it is proposed."""

    label: str
    name: str
    forecast: Forecast

    @property
    def one(self) -> TypeForecast:
        """The type in this forecast."""
        return self.forecast.types[self.name]


# A type as it is set, one of its herds, and when the last of that starts in each forecast.
HerdRow: TypeAlias = tuple[Side, Herd, Sequence[str]]


def _number(figure: float) -> float:
    """To the hundredth; a whole one without a point."""
    rounded = round(figure, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def _busiest(side: Side) -> str:
    """The minute stands with it where that is short; the chart and the herds have it anyway."""
    one = side.one
    most = max(one.starts)
    at = _moment(one.instant(one.starts.index(most)), one)
    return f"{most:,.0f} at {at}" if most and len(at) == len("hh:mm") else f"{most:,.0f}"


def _most(one: TypeForecast, figures: Sequence[float], name: str) -> dict[str, object] | None:
    """The first minute with the largest figure; None where all are zero."""
    most = max(figures)
    return {"minute": one.instant(figures.index(most)), name: _number(most)} if most else None


def _minutes(side: Side) -> list[dict[str, object]]:
    one = side.one
    return [
        {
            "minute": one.instant(minute),
            "fires": fires,
            "starts": _number(one.starts[minute]),
            "waiting": _number(one.waiting[minute]),
        }
        for minute, fires in enumerate(one.fires)
        if fires or one.starts[minute] or one.waiting[minute]
    ]


def _warnings(side: Side) -> list[dict[str, object]]:
    found = [one for one in warnings(side.forecast) if one.integration_type == side.name]
    return [{"kind": one.kind, "message": one.message} for one in found]


def _herds(side: Side) -> list[dict[str, object]]:
    return [{"minute": herd.at, "fires": herd.fires, "last_start": herd.last_start} for herd in side.one.herds]


SIDE = [
    Field("type", "label", shrink=True),
    Field("fires", "one.fired", "{:,}".format, right=True),
    Field("spread", lambda side: duration_text(side.one.policy.spread), key="spread", right=True),
    Field("pace", "one.policy.pace", lambda pace: "none" if pace is None else f"{pace:,}", key="pace", right=True),
    Field(key="concurrency", value="one.policy.concurrency"),
    Field("busiest minute", _busiest, right=True),
    Field("most waiting", lambda side: max(side.one.waiting), "{:,.0f}".format, right=True),
    Field("at the end", "one.left_waiting", "{:,.0f}".format, right=True),
    Field("integrations", "one.integrations", "{:,}".format, right=True, optional=True),
    Field(key="starts", value=lambda side: _number(side.one.started)),
    Field(key="later", value=lambda side: _number(side.one.later)),
    Field(key="waiting_at_the_end", value=lambda side: _number(side.one.left_waiting)),
    Field(key="peak", value=lambda side: _most(side.one, side.one.starts, "starts")),
    Field(key="most_waiting", value=lambda side: _most(side.one, side.one.waiting, "waiting")),
    Field(key="herds", value=_herds),
    Field(key="warnings", value=_warnings),
    Field(key="minutes", value=_minutes),
]


def as_answer(outlook: ComparedForecast) -> dict[str, object]:
    """The whole forecast as JSON."""
    as_set, proposed = outlook.as_set, outlook.proposed
    types = [
        {
            "integration_type": name,
            "integrations": one.integrations,
            "fires": one.fired,
            "as_set": facts_in_json(Side(name, name, as_set), SIDE),
            "proposed": None if proposed is None else facts_in_json(Side(name, name, proposed), SIDE),
        }
        for name, one in as_set.types.items()
    ]
    window = {"after": as_set.window.start, "until": as_set.window.end}
    return window | {"left_out": as_set.left_out, "pauses": outlook.pauses, "types": types}


def type_rows(outlook: ComparedForecast) -> list[Side]:
    """A row for each type; what is proposed for it stands below what is set."""
    sides = []
    for name, one in outlook.as_set.types.items():
        sides.append(Side(name, name, outlook.as_set))
        if outlook.proposed and outlook.proposed.types[name].policy != one.policy:
            sides.append(Side("  proposed", name, outlook.proposed))
    return sides


def herd_rows(outlook: ComparedForecast, most: int = HERDS_OF_A_TYPE) -> list[HerdRow]:
    """The largest minutes of each type, so many at most, with when the last of each starts in each forecast."""
    rows: list[HerdRow] = []
    for name, one in outlook.as_set.types.items():
        for herd in [herd for herd in one.herds[:most] if herd.fires > 1]:
            lasts = [_last_start(_same(side, name, herd), side.types[name]) for side in outlook.forecasts]
            rows.append((Side(name, name, outlook.as_set), herd, lasts))
    return rows


def show_herds(outlook: ComparedForecast, rows: Sequence[HerdRow]) -> None:
    """Write them."""
    fields = [
        Field("herd of", lambda row: row[0].name, shrink=True),
        Field("fires at (UTC)", lambda row: _moment(row[1].at, row[0].one)),
        Field("fires", lambda row: f"{row[1].fires:,}", right=True),
        Field("the last starts", lambda row: row[2][0]),
        *([Field("as proposed", lambda row: row[2][1])] if outlook.proposed else []),
    ]
    show_table(fields, rows)


def _same(forecast: Forecast, name: str, herd: Herd) -> Herd:
    """The herd of that minute in another forecast of the same fires, which has the same herds."""
    return next(one for one in forecast.types[name].herds if one.at == herd.at)


def _last_start(herd: Herd, one: TypeForecast) -> str:
    if herd.last_start is None:
        return "after the window"
    return f"{_moment(herd.last_start, one)}:{herd.last_start:%S}"


def _moment(moment: datetime, one: TypeForecast) -> str:
    """Without its day, where the window has each time of day once."""
    is_clear = one.window.start < moment <= one.window.end and one.window.end - one.window.start <= MINUTE * 1440
    return f"{moment:%H:%M}" if is_clear else f"{moment:%m-%d %H:%M}"
