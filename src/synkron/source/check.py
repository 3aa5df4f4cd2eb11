"""What is wrong, or probably not intended, in the rows of the application's table. Pure: no driver, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import cache
from typing import TypeAlias

from synkron.cron import Cron
from synkron.cron.lint import CronWarning, lint
from synkron.model import Integration, InvalidIntegration
from synkron.settings.sections import TypeSettings
from synkron.source.due import misplaced, schedule_of
from synkron.text import duration_text, several

Lint: TypeAlias = Callable[[Cron, tzinfo], list[CronWarning]]
Gap: TypeAlias = Callable[[Cron, timedelta], timedelta | None]

A_DAY = timedelta(days=1)
# The kinds of findings that are neither a fault of a row nor a rule of the cron language.
DISABLED = "disabled"
TOO_OFTEN = "too_often"


class Level(StrEnum):
    """How serious a finding is: the row can't run, or it runs at times that are probably not intended."""

    INVALID = "invalid"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class RowFinding:
    """One problem in one row.

    ``rule`` is the lint rule (W1 to W4), or None. ``kind`` is that rule, the part of an enabled row that is wrong
    (``model.Fault``), ``disabled`` for any fault of a disabled row, or ``too_often``.
    """

    row: Integration
    level: Level
    rule: str | None
    message: str
    kind: str


@dataclass(slots=True)
class Count:
    """How many rows can't run, how many warnings there are, and how many rows these are about."""

    invalid: int = 0
    warnings: int = 0
    warned: int = 0

    def add(self, found: Iterable[RowFinding]) -> None:
        """Count what was found in further rows."""
        rows: dict[Level, list[int]] = {Level.INVALID: [], Level.WARNING: []}
        for one in found:
            rows[one.level].append(id(one.row))
        self.invalid += len(set(rows[Level.INVALID]))
        self.warnings += len(rows[Level.WARNING])
        self.warned += len(set(rows[Level.WARNING]))

    @property
    def told(self) -> str:
        """The warnings in words."""
        return several(self.warnings, "warning") + (f" about {several(self.warned, 'row')}" if self.warnings else "")


def check(rows: Iterable[Integration], types: Mapping[str, TypeSettings], *, today: date) -> list[RowFinding]:
    """Every finding, the invalid rows first. Of the changes of clocks, those of the year from ``today`` count.

    The faults of a disabled row are warnings: they matter when it is enabled. A row without a schedule never fires and
    has no findings.
    """
    # Most rows share their schedule with others.
    shortest = {name: one.profile.shortest_schedule for name, one in types.items()}
    linted: Lint = cache(lambda cron, zone: lint(cron, zone, today.year, since=today))
    gap: Gap = cache(lambda cron, least: _closer_than(least, cron, today))
    found = [finding for row in rows for finding in _findings(row, types, linted, gap, shortest)]
    return sorted(found, key=lambda finding: finding.level is not Level.INVALID)


def faults(row: Integration, types: Collection[str]) -> list[InvalidIntegration]:
    """Why the row could not run if it were enabled."""
    if row.cron_schedule is None:
        return []
    checked = (schedule_of(row, row.cron_schedule), misplaced(row, types))
    found = [one for one in checked if isinstance(one, InvalidIntegration)]
    # A zone that is too long is unknown as well. Only the first fault is named, which is the one that a tick names.
    return found[:1] if row.oddity is not None else found


def _findings(
    row: Integration, types: Collection[str], linted: Lint, gap: Gap, shortest: Mapping[str, timedelta]
) -> Iterator[RowFinding]:
    for fault in faults(row, types):
        if row.is_enabled:
            yield RowFinding(row, Level.INVALID, None, fault.reason, fault.fault)
        else:
            message = f"disabled; if enabled, it could not run: {fault.reason}"
            yield RowFinding(row, Level.WARNING, None, message, DISABLED)
    schedule = None if row.cron_schedule is None or row.oddity is not None else schedule_of(row, row.cron_schedule)
    if isinstance(schedule, tuple):
        for warning in linted(*schedule):
            yield RowFinding(row, Level.WARNING, warning.code, warning.message, warning.code)
        least = shortest.get(row.integration_type)
        if least and row.is_enabled and (closest := gap(schedule[0], least)):
            message = (
                f"two of its moments are only {duration_text(closest)} apart; the vendor of {row.integration_type} "
                f"expects {duration_text(least)} or more between two syncs"
            )
            yield RowFinding(row, Level.WARNING, None, message, TOO_OFTEN)


def _closer_than(least: timedelta, cron: Cron, today: date) -> timedelta | None:
    """The first time between two moments of a day that is shorter, or None. In UTC, where no clock changes."""
    moment = cron.next_after(datetime.combine(today, time.min, UTC), UTC)
    end = moment and moment + A_DAY
    while moment is not None and end is not None and moment < end:
        following = cron.next_after(moment, UTC)
        if following is not None and following - moment < least:
            return following - moment
        moment = following
    return None
