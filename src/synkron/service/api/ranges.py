"""The ranges that a report may be asked about, by the API and by its page."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from synkron.reports.exports import ranges
from synkron.reports.exports.ranges import Range
from synkron.service.api.problem import Problem
from synkron.settings.reports import RangeKind


def asked_range(range_name: RangeKind, on: date | None, now: datetime, zone: tzinfo) -> Range:
    """The range that is asked for. Raises a Problem (422) for a day with the last night."""
    day = on or now.astimezone(zone).date()
    match range_name:
        case RangeKind.DAY:
            return ranges.day(day, zone)
        case RangeKind.WEEK:
            return ranges.week(day, zone)
        case RangeKind.MONTH:
            return ranges.month(day, zone)
        case RangeKind.LAST_NIGHT:
            if on is not None:
                raise Problem(422, "query.on: it goes with the range day, week or month")
            return ranges.last_night(now, zone)
