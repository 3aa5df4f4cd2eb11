"""The ranges that a report may be asked about, by the API and by its page."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from enum import StrEnum

from synkron.reports.exports import ranges
from synkron.reports.exports.ranges import Range
from synkron.service.api.problem import Problem


class ReportRange(StrEnum):
    """What a report is about, on the clocks of its zone."""

    LAST_NIGHT = "last_night"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def asked_range(range_name: ReportRange, on: date | None, now: datetime, zone: tzinfo) -> Range:
    """The range that is asked for. Raises a Problem (422) for a day with the last night."""
    day = on or now.astimezone(zone).date()
    match range_name:
        case ReportRange.DAY:
            return ranges.day(day, zone)
        case ReportRange.WEEK:
            return ranges.week(day, zone)
        case ReportRange.MONTH:
            return ranges.month(day, zone)
        case ReportRange.LAST_NIGHT:
            if on is not None:
                raise Problem(422, "query.on: it goes with the range day, week or month")
            return ranges.last_night(now, zone)
