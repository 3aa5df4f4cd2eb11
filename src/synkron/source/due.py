"""The occurrences of a row of the application's table in a window of time. Pure: no driver, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import NamedTuple

from synkron.cron import Cron
from synkron.cron.timeline import utc
from synkron.errors import CronError, ZoneError
from synkron.model import Answer, Fault, Integration, InvalidIntegration, Occurrences, Steps, Window
from synkron.settings.integrations.naming import unknown
from synkron.source.oddity import ODDITIES
from synkron.source.parsed_texts import KNOWN, Zone

AllOccurrences = tuple[list[Occurrences], list[InvalidIntegration]]

# How far from an instant a moment counts as due at it.
TOLERANCE = timedelta(seconds=30)
# The reason of these ends with what is allowed, or what to do, behind a semicolon.
LISTING = (Fault.ZONE, Fault.TYPE, Fault.ORGANIZATION)


class Calendar(NamedTuple):
    """The moments of a window at which an expression fires in a zone, the one before them and the one after."""

    moments: tuple[datetime, ...] = ()
    previous: datetime | None = None
    following: datetime | None = None


class ScheduleFault(NamedTuple):
    """Why a schedule has no calendar."""

    fault: Fault
    reason: str


Calendars = Callable[[str, Zone], Calendar | ScheduleFault]
"""The calendar of an expression in a zone, both as in the row; or why there is none."""


# requirement R1, R17.3
def occurrences_of(row: Integration, window: Window, types: Collection[str]) -> Occurrences | InvalidIntegration:
    """The row's occurrences in the window, maybe none; or why it can't run (G6).

    A malformed schedule, an unknown zone or a missing organization is always reported, because it is not known when the
    row is due. An unknown type and a value that can't be used (``oddity``) are reported when the row is due.
    """
    return _occurrences_of(row, partial(_calendar, window), types)


def all_occurrences(rows: Iterable[Integration], window: Window, types: Collection[str]) -> AllOccurrences:
    """The occurrences of all rows that are due, and the invalid rows. The work is done once per schedule."""
    return at_once(occurrences_in_steps(rows, window, types))


def occurrences_in_steps(rows: Iterable[Integration], window: Window, types: Collection[str]) -> Steps[AllOccurrences]:
    """The same as ``all_occurrences``, row by row."""
    calendars = _shared(partial(_calendar, window))
    due: list[Occurrences] = []
    invalid: list[InvalidIntegration] = []
    for row in rows:
        try:
            judged = _occurrences_of(row, calendars, types)
        except Exception as error:  # noqa: BLE001 (no error in one row may affect the others)
            judged = not_understood(row, error)
        if isinstance(judged, InvalidIntegration):
            invalid.append(judged)
        elif judged.moments:
            due.append(judged)
        yield
    return due, invalid


def not_understood(row: Integration, error: Exception) -> InvalidIntegration:
    """The row, left out because an internal error occurred while judging it. It protects all other rows."""
    reason = f"Synkron could not judge this row: {type(error).__name__}: {error}"[:300]
    return replace(_invalid(row, ScheduleFault(Fault.INTERNAL, reason)), error=error)


# requirement R3
def schedule_of(row: Integration, cron_schedule: str) -> tuple[Cron, tzinfo] | InvalidIntegration:
    """The row's expression and zone, or why they are invalid."""
    schedule = _schedule(cron_schedule, row.timezone)
    return _invalid(row, schedule) if isinstance(schedule, ScheduleFault) else schedule


def misplaced(row: Integration, types: Collection[str]) -> InvalidIntegration | None:
    """Why the row can't run even if its schedule is valid; None if it can."""
    if row.oddity is not None:
        return _invalid(row, ScheduleFault(Fault.ROW, ODDITIES[row.oddity]))
    if not row.organization_exists:
        reason = f"there is no organization {row.org_id}; add it, or disable this integration"
        return _invalid(row, ScheduleFault(Fault.ORGANIZATION, reason))
    if row.integration_type not in types:
        return _invalid(row, ScheduleFault(Fault.TYPE, unknown(row.integration_type, types)))
    return None


def briefly(row: InvalidIntegration) -> str:
    """What is wrong, without what is allowed instead, which may be a list."""
    return row.reason.rpartition("; ")[0] or row.reason if row.fault in LISTING else row.reason


def _occurrences_of(row: Integration, calendars: Calendars, types: Collection[str]) -> Occurrences | InvalidIntegration:
    calendar: Calendar | ScheduleFault = Calendar()
    if row.is_enabled and row.cron_schedule is not None:
        calendar = calendars(row.cron_schedule, row.timezone)
        if isinstance(calendar, ScheduleFault):
            return _invalid(row, calendar)
        if (calendar.moments or not row.organization_exists) and (invalid := misplaced(row, types)):
            # Without an id of its own, a row can't be told apart from others: it is not held.
            waits = row.organization_exists and row.has_own_id
            return replace(invalid, due=Occurrences(row, *calendar) if waits else None)
    return Occurrences(row, *calendar)


def _shared(calendars: Calendars) -> Calendars:
    """The same function, computed once for all rows with the same text and zone."""
    known: dict[tuple[str, Zone], Calendar | ScheduleFault] = {}

    def calendar(text: str, zone: Zone) -> Calendar | ScheduleFault:
        try:
            if (found := known.get((text, zone))) is None:
                found = known[text, zone] = calendars(text, zone)
        except TypeError:  # The zone's column may be of any type, for example an array, which can't be a key.
            return calendars(text, zone)
        return found

    return calendar


def _calendar(window: Window, text: str, timezone: Zone) -> Calendar | ScheduleFault:
    schedule = _schedule(text, timezone)
    if isinstance(schedule, ScheduleFault):
        return schedule
    cron, zone = schedule
    moments = tuple(cron.occurrences(window.start, window.end, zone))
    if not moments:
        return Calendar()
    return Calendar(moments, cron.previous_before(moments[0], zone), cron.next_after(moments[-1], zone))


def _schedule(text: str, timezone: Zone) -> tuple[Cron, tzinfo] | ScheduleFault:
    cron, zone = KNOWN.expression(text), KNOWN.zone(timezone)
    if isinstance(cron, CronError):
        return ScheduleFault(Fault.SCHEDULE, f'cron_schedule "{text[:80]}": {cron}')
    if isinstance(zone, ZoneError):
        return ScheduleFault(Fault.ZONE, f"the organization's timezone: {zone}")
    return cron, zone


def _invalid(row: Integration, flaw: ScheduleFault) -> InvalidIntegration:
    return InvalidIntegration(row.org_id, row.integration_id, row.integration_type, flaw.reason, flaw.fault)


def at_once(work: Steps[Answer]) -> Answer:
    """The result, for a caller that has nothing else to do meanwhile."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer


def window_around(at: datetime) -> Window:
    """The minute around ``at``. A window excludes its start, so the start is 30 seconds and a microsecond before."""
    moment = utc(at)
    return Window(moment - TOLERANCE - timedelta(microseconds=1), moment + TOLERANCE)
