"""What the doctor found, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synkron.service.doctor.examination import Report
from synkron.service.doctor.finding import Level


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, why, and what mends it."""

    check: str
    level: Level
    why: str
    remedy: str | None
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examination:
    """How many checks failed, warn, or were skipped, and what each found."""

    failed: int
    warnings: int
    skipped: int
    checks: Sequence[Checked]


def examination(report: Report) -> Examination:
    """The report for programs."""
    checks = [
        Checked(name, one.level, one.why, one.remedy, one.commands) for name, found in report.items() for one in found
    ]
    failed, warnings, skipped = (
        sum(one.level is level for one in checks) for level in (Level.FAILED, Level.WARNING, Level.SKIPPED)
    )
    return Examination(failed, warnings, skipped, checks)
