"""How many runs of the whole fleet will start in each minute, under any policies. Pure: no driver, no clock."""

from synkron.reports.forecast.fires import Fires, Group, count_fires
from synkron.reports.forecast.outlook import Forecast, Herd, TypeForecast, forecast
from synkron.reports.forecast.warnings import ForecastWarning, WarningKind, warnings

__all__ = [
    "Fires",
    "Forecast",
    "ForecastWarning",
    "Group",
    "Herd",
    "TypeForecast",
    "WarningKind",
    "count_fires",
    "forecast",
    "warnings",
]
