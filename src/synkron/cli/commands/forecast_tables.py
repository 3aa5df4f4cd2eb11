"""The tables of the forecast: what each type comes to, and its herds."""

from __future__ import annotations

from datetime import datetime

from synkron.cli.output import show_table
from synkron.cli.table import Column
from synkron.reports.forecast import Forecast, Herd, TypeForecast
from synkron.reports.forecast.store import Outlook
from synkron.scheduler.spread import MINUTE
from synkron.text import duration_text

HERDS_OF_A_TYPE = 3


def show_types(outlook: Outlook) -> None:
    """Write a line for each type; what is proposed for it stands below what is set."""
    columns = [
        Column("type", shrink=True),
        Column("fires", right=True),
        Column("spread", right=True),
        Column("pace", right=True),
        Column("busiest minute", right=True),
        Column("most waiting", right=True),
        Column("at the end", right=True),
        Column("integrations", right=True, optional=True),
    ]
    rows = []
    for name, one in outlook.as_set.types.items():
        rows.append([name, *_figures(one)])
        other = outlook.proposed and outlook.proposed.types[name]
        if other and other.policy != one.policy:
            rows.append(["  proposed", *_figures(other)])
    show_table(columns, rows)


def show_herds(outlook: Outlook) -> None:
    """Write the largest minutes of each type, with when the last of each starts."""
    columns = [Column("herd of", shrink=True), Column("fires at (UTC)"), Column("fires", right=True)]
    columns += [Column("the last starts"), *([Column("as proposed")] if outlook.proposed else [])]
    show_table(columns, [row for name in outlook.as_set.types for row in _herds(outlook, name)])


def _figures(one: TypeForecast) -> list[str]:
    return [
        f"{one.fired:,}",
        duration_text(one.policy.spread),
        "none" if one.policy.pace is None else f"{one.policy.pace:,}",
        _busiest(one),
        f"{max(one.waiting):,.0f}",
        f"{one.left_waiting:,.0f}",
        f"{one.integrations:,}",
    ]


def _busiest(one: TypeForecast) -> str:
    """The minute stands with it where that is short; the chart and the herds have it anyway."""
    most = max(one.starts)
    at = _moment(one.instant(one.starts.index(most)), one)
    return f"{most:,.0f} at {at}" if most and len(at) == len("hh:mm") else f"{most:,.0f}"


def _herds(outlook: Outlook, name: str) -> list[list[str]]:
    shown = [one for one in outlook.as_set.types[name].herds[:HERDS_OF_A_TYPE] if one.fires > 1]
    return [
        [name, _moment(herd.at, outlook.as_set.types[name]), f"{herd.fires:,}"]
        + [_last_start(_same(forecast, name, herd), forecast.types[name]) for forecast in outlook.forecasts]
        for herd in shown
    ]


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
