"""How many runs of the whole fleet will start in each minute, under any policies. Pure: no driver, no clock."""

from synkron.reports.forecast.fires import Fires, Group, count_fires
from synkron.reports.forecast.outlook import Forecast, Herd, TypeForecast, forecast
from synkron.reports.forecast.warnings import Kind, Warned, warnings

__all__ = [
    "Fires",
    "Forecast",
    "Group",
    "Herd",
    "Kind",
    "TypeForecast",
    "Warned",
    "count_fires",
    "forecast",
    "warnings",
]
