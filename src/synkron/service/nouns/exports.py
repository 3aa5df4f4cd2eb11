"""What was exported, in JSON. The form is documented in docs/report.md, and stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.reports.exports.coverage import Export, Stretch
from synkron.reports.exports.sentences import Told, zone_name


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """From when to when."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Uncovered(WindowFacts):
    """A time that no successful export covers, and why."""

    reason: str
    detail: str
    failed_at: datetime | None
    run_id: int | None


@dataclass(frozen=True, slots=True)
class IntegrationFacts:
    """Which time the successful exports of an integration cover, and which they do not."""

    integration_id: str
    covered: Sequence[WindowFacts]
    not_covered: Sequence[Uncovered]


@dataclass(frozen=True, slots=True)
class Figures:
    """How many periods were due, and what became of them; ``reasons`` counts those that are not exported.

    ``invalid`` counts the integrations that can't run.
    """

    integration_type: str
    due: int
    exported: int
    failed: int
    skipped: int
    open: int
    invalid: int
    reasons: Mapping[str, int]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class TypeExportFacts(Figures):
    """A type, and how its figures are told."""

    sentence: str


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """What an organization exported of a type."""

    org_id: str | None
    integration_type: str
    due: int
    exported: int
    failed: int
    skipped: int
    open: int
    invalid: int
    reasons: Mapping[str, int]
    is_whole: bool
    integrations: Sequence[IntegrationFacts]


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What was exported from ``since`` to ``until``, the worst first; there may be more ``organizations`` than listed.

    ``organizations_total`` counts them: an organization once for each of its types.
    """

    title: str
    zone: str
    since: datetime
    until: datetime
    asked_until: datetime
    watermark: datetime | None
    recorded_since: datetime | None
    types: Sequence[TypeExportFacts]
    organizations_total: int
    organizations: Sequence[OrganizationFacts]


def export_facts(told: Told, most: int | None = None) -> ExportFacts:
    """The report for programs; of the organizations, at most so many of the worst."""
    report = told.report
    return ExportFacts(
        title=told.range.title,
        zone=zone_name(told.range),
        since=report.window.start,
        until=report.window.end,
        asked_until=told.range.window.end,
        watermark=report.watermark,
        recorded_since=report.recorded_since,
        types=[TypeExportFacts(**line.figures, sentence=told.of_type(line)) for line in report.types],
        organizations_total=len(report.lines),
        organizations=[
            OrganizationFacts(
                org_id=line.org_id,
                **line.figures,
                integrations=[_integration(one) for one in line.exports],
            )
            for line in report.lines[:most]
        ],
    )


def _integration(one: Export) -> IntegrationFacts:
    covered = [WindowFacts(window.start, window.end) for window in one.covered]
    return IntegrationFacts(one.integration_id, covered, [_uncovered(stretch) for stretch in one.uncovered])


def _uncovered(one: Stretch) -> Uncovered:
    return Uncovered(one.window.start, one.window.end, one.reason, one.detail, one.failed_at, one.run_id)
