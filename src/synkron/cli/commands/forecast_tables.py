"""The types of a forecast and their herds, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from synkron.cli.output import show_table
from synkron.cli.table import Field
from synkron.reports.forecast.outlook import Forecast, Herd, TypeForecast
from synkron.reports.forecast.store import ComparedForecast
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


def _busiest(side: Side) -> str:
    """The minute stands with it where that is short; the chart and the herds have it anyway."""
    one = side.one
    most = max(one.starts)
    at = _moment(one.instant(one.starts.index(most)), one)
    return f"{most:,.0f} at {at}" if most and len(at) == len("hh:mm") else f"{most:,.0f}"


SIDE = [
    Field("type", "label", shrink=True),
    Field("fires", "one.fired", "{:,}".format, right=True),
    Field("spread", lambda side: duration_text(side.one.policy.spread), right=True),
    Field("pace", "one.policy.pace", lambda pace: "none" if pace is None else f"{pace:,}", right=True),
    Field("busiest minute", _busiest, right=True),
    Field("most waiting", lambda side: max(side.one.waiting), "{:,.0f}".format, right=True),
    Field("at the end", "one.left_waiting", "{:,.0f}".format, right=True),
    Field("integrations", "one.integrations", "{:,}".format, right=True, optional=True),
]


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
