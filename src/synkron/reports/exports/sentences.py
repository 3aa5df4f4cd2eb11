"""A report in sentences, as a person would tell it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from synkron.model import Window
from synkron.reports.exports.coverage import Reason, Stretch
from synkron.reports.exports.figures import RANK, ExportReport, Line
from synkron.reports.exports.ranges import Range
from synkron.text import one_line, several

LONGEST_DAY = timedelta(hours=25)
# How many organizations the sentence about a type names.
NAMED = 2
LONGEST_NAME = 60
WORDS = {
    Reason.FAILED: "failed",
    Reason.INVALID: "can't run",
    Reason.UNDECIDED: "not decided",
    Reason.EXPIRED: "expired",
    Reason.CANCELLED: "cancelled",
    Reason.MERGED: "merged into a run that was skipped",
    Reason.SKIPPED: "skipped",
    Reason.SUPERSEDED: "superseded by an edit",
    Reason.PAUSED: "paused",
    Reason.OPEN: "still open",
}


@dataclass(frozen=True)
class Told:
    """A report as it is told: in which zone and words its range is, and how its organizations are called."""

    report: ExportReport
    range: Range
    names: Mapping[str, str]

    @property
    def heading(self) -> str:
        """What it is about."""
        return f"Exports of {self.range.title} ({zone_name(self.range)})"

    @property
    def remarks(self) -> list[str]:
        """What a reader must know of the range: that it is not over, or not decided."""
        report = self.report
        if report.watermark is None:
            return ["No scheduler has ticked yet. Start one: `synkron run`."]
        found = []
        if report.window.end < self.range.window.end:
            found.append(f"This is up to now, {self.moment(report.window.end)}.")
        if report.watermark < report.window.end:
            found.append(f"No scheduler has ticked since {self.moment(report.watermark)}: see `synkron status`.")
        return found

    @cached_property
    def faults(self) -> list[Line]:
        """The organizations of which something is missing, the worst first, and alike ones by name."""
        return sorted(self.report.faults, key=lambda line: (*line.order[:4], self.name_of(line)))

    def summary(self) -> list[str]:
        """A sentence for each type, the worst first."""
        return [self.of_type(line) for line in self.report.types] or [f"Nothing was due in {self.range.title}."]

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The figures of each type with its sentence, for programs."""
        return [{**line.figures, "sentence": self.of_type(line)} for line in self.report.types]

    def of_type(self, line: Line) -> str:
        """How much of a type is exported, which time that is, and who is missing."""
        name = one_line(line.integration_type)
        exported = f"{line.exported:,} of {line.due:,} exported" if line.due else "nothing was due"
        if line.is_whole:
            return f"{name}: {exported}, {self._whole(line)}." if line.due else f"{name}: {exported}."
        faults = [one for one in self.faults if one.integration_type == line.integration_type]
        missing = [self.of_organization(one) for one in faults[:NAMED]]
        if len(faults) > NAMED:
            missing.append(f"and {several(len(faults) - NAMED, 'more organization')}")
        return f"{name}: {exported}; {'; '.join(missing)}."

    def of_organization(self, line: Line) -> str:
        """What is missing of an organization: the worst of it."""
        name = one_line(self.name_of(line), LONGEST_NAME)
        stretch = worst_of(line)
        reason = min([*line.missing, *([stretch.reason] if stretch else [])], key=RANK.__getitem__)
        number, detail = line.missing[reason], stretch.detail if stretch and stretch.reason is reason else ""
        if not number and reason is not Reason.INVALID and stretch:
            told = f"{name} is not covered from {self.moment(stretch.window.start)} on, {WORDS[reason]}"
        elif reason is Reason.FAILED:
            since = f" since {self.moment(stretch.failed_at)}" if stretch and stretch.failed_at else ""
            return f"{name} failed{_times(number)}" + (f", {detail}{since}" if detail else since)
        else:
            told = f"{name} {WORDS[reason]}" if reason is Reason.INVALID else f"{name} has {number:,} {WORDS[reason]}"
        return f"{told}: {detail}" if detail else told

    def name_of(self, line: Line) -> str:
        """The organization's name, or its id."""
        org_id = line.org_id or ""
        return one_line(self.names.get(org_id) or org_id)

    def moment(self, at: datetime) -> str:
        """The local time; with the date, unless it is in a range of at most a day."""
        local = at.astimezone(self.range.zone)
        window = self.range.window
        is_clear = window.end - window.start <= LONGEST_DAY and window.start <= at <= window.end
        return f"{local:%H:%M}" if is_clear else f"{local.day} {local:%b %H:%M}"

    def span(self, window: Window) -> str:
        """From when to when, in local time."""
        start, end = (one.astimezone(self.range.zone) for one in (window.start, window.end))
        until = f"{end:%H:%M}" if start.date() == end.date() else self.moment(window.end)
        return f"{self.moment(window.start)} - {until}"

    def _whole(self, line: Line) -> str:
        report = self.report
        if not line.covers(report.window):
            return "all that was due"
        return f"all of {self.range.name}" + (" so far" if report.window.end < self.range.window.end else "")


def worst_of(line: Line) -> Stretch | None:
    """The longest of the stretches with the worst reason."""
    return min(line.uncovered, key=lambda one: (RANK[one.reason], one.window.start - one.window.end), default=None)


def zone_name(of: Range) -> str:
    """The zone, as it is written in the settings."""
    return str(getattr(of.zone, "key", None) or of.zone)


def _times(number: int) -> str:
    return {1: " once", 2: " twice"}.get(number, f" {number:,} times")
