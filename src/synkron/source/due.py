"""The occurrences of a row of the application's table in a window of time. Pure: no driver, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import partial, reduce
from operator import or_
from typing import Any, NamedTuple

from synkron.cron import Cron, parse, parse_zone, span_between
from synkron.cron.expression import MAX_LENGTH
from synkron.errors import CronError, ZoneError
from synkron.model import Fault, Integration, InvalidIntegration, Occurrences, Window
from synkron.settings.integrations.naming import unknown
from synkron.source.oddity import ODDITIES
from synkron.steps import Steps, at_once

Zone = str | int | Decimal | None
Judged = tuple[list[Occurrences], list[InvalidIntegration]]


class Calendar(NamedTuple):
    """The moments of a window at which an expression fires in a zone, the one before them and the one after."""

    moments: tuple[datetime, ...] = ()
    previous: datetime | None = None
    following: datetime | None = None


class Flaw(NamedTuple):
    """Why a schedule has no calendar."""

    fault: Fault
    reason: str


Calendars = Callable[[str, Zone], Calendar | Flaw]
"""The calendar of an expression in a zone, both as in the row; or why there is none."""

# Far more distinct texts than a fleet has. At this size the memo is emptied, which only costs time.
MEMO_LIMIT = 200_000


def judge(row: Integration, window: Window, types: Collection[str]) -> Occurrences | InvalidIntegration:
    """The row's occurrences in the window, maybe none; or why it can't run (G6).

    A malformed schedule, an unknown zone or a missing organization is always reported, because it is not known when the
    row is due. An unknown type and a value that can't be used (``oddity``) are reported when the row is due.
    """
    return _judge(row, partial(_calendar, window), types)


def judge_all(rows: Iterable[Integration], window: Window, types: Collection[str]) -> Judged:
    """The occurrences of all rows that are due, and the invalid rows. The work is done once per schedule."""
    return at_once(judging(rows, window, types))


def judging(rows: Iterable[Integration], window: Window, types: Collection[str]) -> Steps[Judged]:
    """The same as ``judge_all``, row by row."""
    calendars = _shared(partial(_calendar, window))
    due: list[Occurrences] = []
    invalid: list[InvalidIntegration] = []
    for row in rows:
        try:
            judged = _judge(row, calendars, types)
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
    return replace(_invalid(row, Flaw(Fault.INTERNAL, reason)), error=error)


def schedule_of(row: Integration, cron_schedule: str) -> tuple[Cron, tzinfo] | InvalidIntegration:
    """The row's expression and zone, or why they are invalid."""
    schedule = _schedule(cron_schedule, row.timezone)
    return _invalid(row, schedule) if isinstance(schedule, Flaw) else schedule


def misplaced(row: Integration, types: Collection[str]) -> InvalidIntegration | None:
    """Why the row can't run even if its schedule is valid; None if it can."""
    if row.oddity is not None:
        return _invalid(row, Flaw(Fault.ROW, ODDITIES[row.oddity]))
    if not row.organization_exists:
        reason = f"there is no organization {row.org_id}; add it, or disable this integration"
        return _invalid(row, Flaw(Fault.ORGANIZATION, reason))
    if row.integration_type not in types:
        return _invalid(row, Flaw(Fault.TYPE, unknown(row.integration_type, types)))
    return None


class Known:
    """A bounded memo from text to parsed value. It can't be stale: parsing depends on the text alone (R5).

    A text too long to be an expression is not remembered, because it could be of any size.
    """

    def __init__(self) -> None:
        self._expressions: dict[str, Cron | CronError] = {}
        self._zones: dict[Zone, tzinfo | ZoneError] = {}
        self._in_order: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been parsed yet."""
        return not self._expressions

    def expression(self, text: str) -> Cron | CronError:
        """The parsed expression, or why it is malformed."""
        if text in self._expressions:
            return self._expressions[text]
        try:
            found: Cron | CronError = parse(text)
        except CronError as error:
            found = error.with_traceback(None)
        if len(text) <= MAX_LENGTH:
            _make_room(self._expressions)
            self._expressions[text] = found
            self._in_order = []
        return found

    def zone(self, value: object) -> tzinfo | ZoneError:
        """The zone, or why it is unknown. None is UTC. The column may be of any type, for example an array."""
        if isinstance(value, Zone) and value in self._zones:
            return self._zones[value]
        try:
            found: tzinfo | ZoneError = parse_zone(value)  # type: ignore[arg-type]
        except ZoneError as error:
            found = error.with_traceback(None)
        if isinstance(value, Zone) and value == value:  # NaN equals no key, so it would never be found.
            _make_room(self._zones)
            self._zones[value] = found
        return found

    def recorded_zone(self, text: str | None) -> tzinfo | ZoneError:
        """A zone that the ledger stores as text; in the application's table it may be a number of minutes."""
        zone = self.zone(text)
        if isinstance(zone, ZoneError) and text is not None:
            with suppress(InvalidOperation):
                return self.zone(Decimal(text))
        return zone

    def expressions(self) -> list[str]:
        """Every expression parsed so far, and the empty text, in the order of their UTF-8 bytes."""
        if not self._in_order:
            self._in_order = sorted({"", *self._expressions})
        return self._in_order

    def zones(self) -> list[str]:
        """Every valid zone parsed so far, as the database writes it, and the empty text, in the same order."""
        known = (str(value) for value, zone in self._zones.items() if value is not None and isinstance(zone, tzinfo))
        return sorted({"", *known})

    def expressions_to_read(self, window: Window) -> list[str]:
        """The known expressions that fire in the window in some known zone, and all known malformed ones.

        The empty text is always included.
        """
        zones = {UTC, *(zone for zone in self._zones.values() if isinstance(zone, tzinfo))}
        spans = {span_between(window.start, window.end, zone) for zone in zones}
        minutes = reduce(or_, (span.minutes for span in spans))
        return [
            "",
            *(
                text
                for text, cron in self._expressions.items()
                if isinstance(cron, CronError)
                or (cron.minutes & minutes and any(cron.fires_within(span) for span in spans))
            ),
        ]


KNOWN = Known()


def _make_room(memo: dict[Any, Any]) -> None:
    if len(memo) >= MEMO_LIMIT:
        memo.clear()


def _judge(row: Integration, calendars: Calendars, types: Collection[str]) -> Occurrences | InvalidIntegration:
    calendar: Calendar | Flaw = Calendar()
    if row.is_enabled and row.cron_schedule is not None:
        calendar = calendars(row.cron_schedule, row.timezone)
        if isinstance(calendar, Flaw):
            return _invalid(row, calendar)
        if (calendar.moments or not row.organization_exists) and (invalid := misplaced(row, types)):
            # Without an id of its own, a row can't be told apart from others: it is not held.
            waits = row.organization_exists and row.has_own_id
            return replace(invalid, due=Occurrences(row, *calendar) if waits else None)
    return Occurrences(row, *calendar)


def _shared(calendars: Calendars) -> Calendars:
    """The same function, computed once for all rows with the same text and zone."""
    known: dict[tuple[str, Zone], Calendar | Flaw] = {}

    def calendar(text: str, zone: Zone) -> Calendar | Flaw:
        try:
            if (found := known.get((text, zone))) is None:
                found = known[text, zone] = calendars(text, zone)
        except TypeError:  # The zone's column may be of any type, for example an array, which can't be a key.
            return calendars(text, zone)
        return found

    return calendar


def _calendar(window: Window, text: str, timezone: Zone) -> Calendar | Flaw:
    schedule = _schedule(text, timezone)
    if isinstance(schedule, Flaw):
        return schedule
    cron, zone = schedule
    moments = tuple(cron.occurrences(window.start, window.end, zone))
    if not moments:
        return Calendar()
    return Calendar(moments, cron.previous_before(moments[0], zone), cron.next_after(moments[-1], zone))


def _schedule(text: str, timezone: Zone) -> tuple[Cron, tzinfo] | Flaw:
    cron, zone = KNOWN.expression(text), KNOWN.zone(timezone)
    if isinstance(cron, CronError):
        return Flaw(Fault.SCHEDULE, f'cron_schedule "{text[:80]}": {cron}')
    if isinstance(zone, ZoneError):
        return Flaw(Fault.ZONE, f"the organization's timezone: {zone}")
    return cron, zone


def _invalid(row: Integration, flaw: Flaw) -> InvalidIntegration:
    return InvalidIntegration(row.org_id, row.integration_id, row.integration_type, flaw.reason, flaw.fault)
