"""When a report is due each morning, and which time it is about. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo

from synkron.reports.exports.ranges import DAY, WEEK, Range, day, instant_of, last_night, month, week
from synkron.settings.reports import RangeKind


def last_moment(kind: RangeKind, at: time, zone: tzinfo, now: datetime) -> datetime:
    """The last moment, up to now, at which the report was due."""
    on = now.astimezone(zone).date()
    while (moment := instant_of(on, zone, at)) > now or not _is_due(kind, on):
        on -= DAY
    return moment


def range_of(kind: RangeKind, moment: datetime, zone: tzinfo) -> Range:
    """The time that the report which is due at the moment is about."""
    today = moment.astimezone(zone).date()
    match kind:
        case RangeKind.WEEK:
            return week(today - WEEK, zone)
        case RangeKind.MONTH:
            return month(today.replace(day=1) - DAY, zone)
        case RangeKind.DAY:
            return day(today - DAY, zone)
        case RangeKind.LAST_NIGHT:
            return last_night(moment, zone)


def _is_due(kind: RangeKind, on: date) -> bool:
    return (kind != RangeKind.WEEK or on.weekday() == 0) and (kind != RangeKind.MONTH or on.day == 1)
