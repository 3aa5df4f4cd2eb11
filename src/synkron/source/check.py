"""What is wrong, or probably not intended, in the rows of the application's table. Pure: no driver, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from functools import cache
from typing import TypeAlias

from synkron.cron import Cron
from synkron.cron.lint import CronWarning, lint
from synkron.model import Integration, InvalidIntegration
from synkron.source.due import misplaced, schedule_of

Lint: TypeAlias = Callable[[Cron, tzinfo], list[CronWarning]]


class Level(StrEnum):
    """How serious a finding is: the row can't run, or it runs at times that are probably not intended."""

    INVALID = "invalid"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class RowFinding:
    """One problem in one row. ``rule`` is the lint rule (W1 to W4), or None if the row is invalid."""

    row: Integration
    level: Level
    rule: str | None
    message: str


def check(rows: Iterable[Integration], types: Collection[str], *, year: int) -> list[RowFinding]:
    """Every finding, the invalid rows first. The clock changes of ``year`` are checked.

    The faults of a disabled row are warnings: they matter when it is enabled. A row without a schedule never fires and
    has no findings.
    """
    # Most rows share their schedule with others.
    linted: Lint = cache(lambda cron, zone: lint(cron, zone, year))
    found = [finding for row in rows for finding in _findings(row, types, linted)]
    return sorted(found, key=lambda finding: finding.level is not Level.INVALID)


def faults(row: Integration, types: Collection[str]) -> list[InvalidIntegration]:
    """Why the row could not run if it were enabled."""
    if row.cron_schedule is None:
        return []
    checked = (schedule_of(row, row.cron_schedule), misplaced(row, types))
    found = [one for one in checked if isinstance(one, InvalidIntegration)]
    # A zone that is too long is unknown as well. Only the first fault is named, which is the one that a tick names.
    return found[:1] if row.oddity is not None else found


def _findings(row: Integration, types: Collection[str], linted: Lint) -> Iterator[RowFinding]:
    for fault in faults(row, types):
        if row.is_enabled:
            yield RowFinding(row, Level.INVALID, None, fault.reason)
        else:
            yield RowFinding(row, Level.WARNING, None, f"disabled; if enabled, it could not run: {fault.reason}")
    schedule = None if row.cron_schedule is None or row.oddity is not None else schedule_of(row, row.cron_schedule)
    if isinstance(schedule, tuple):
        for warning in linted(*schedule):
            yield RowFinding(row, Level.WARNING, warning.code, warning.message)
