"""What a verification found, in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.reports.verify.evidence import Finding, FindingKind, Undelivered
from synkron.reports.verify.store import Report

HOUR = timedelta(hours=1)
# What only a strict verification makes findings of.
STRICT = (FindingKind.UNDELIVERED, FindingKind.UNCOVERED)


@dataclass(frozen=True, slots=True)
class NotCovered:
    """The stretches of time that no run covers, and their length in all."""

    stretches: int
    hours: float


@dataclass(frozen=True, slots=True)
class VerificationFacts:
    """The form of what ``verification`` answers. A strict one also counts what was not delivered, and not covered."""

    since: datetime
    until: datetime
    watermark: datetime | None
    integrations: int
    occurrences: int
    ticks: int
    missed: int
    doubled: int
    late: int
    unexplained: int
    not_provable: int
    could_not_run: int
    not_delivered: Mapping[str, int]
    not_covered: NotCovered
    failed: int
    invalid: int
    findings: Sequence[Finding]


def verification(report: Report) -> dict[str, object]:
    """See ``VerificationFacts``."""
    return {
        "since": report.window.start,
        "until": report.window.end,
        "watermark": report.watermark,
        "integrations": report.integrations,
        "occurrences": report.occurrences,
        "ticks": report.ticks,
        **counts(report),
        "not_provable": report.unprovable,
        "could_not_run": report.could_not_run,
        "not_delivered": undelivered(report),
        "not_covered": NotCovered(report.gaps, report.gap / HOUR),
        "failed": report.failed,
        "invalid": report.invalid,
        "findings": report.findings,
    }


def counts(report: Report) -> dict[str, int]:
    """Of each kind; what only a strict verification makes findings of is left out where there is none."""
    return {kind.value: report.found[kind] for kind in FindingKind if report.found[kind] or kind not in STRICT}


def undelivered(report: Report) -> dict[str, int]:
    """How many were not delivered, by reason."""
    return {reason.value: report.undelivered[reason] for reason in Undelivered}
