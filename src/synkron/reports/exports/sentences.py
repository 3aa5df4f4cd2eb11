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
from synkron.reports.exports.phrases import ENGLISH, Phrases
from synkron.reports.exports.ranges import Range
from synkron.text import one_line

LONGEST_DAY = timedelta(hours=25)
# How many organizations the sentence about a type names.
NAMED = 2
LONGEST_NAME = 60
WORDS = ENGLISH.reasons


@dataclass(frozen=True)
class Told:
    """A report as it is told: its range in a zone and in words, the names of its organizations, and the language.

    The range's own words must be in that language.
    """

    report: ExportReport
    range: Range
    names: Mapping[str, str]
    phrases: Phrases = ENGLISH

    @property
    def heading(self) -> str:
        """What it is about."""
        return f"Exports of {self.range.title} ({zone_name(self.range)})"

    @property
    def remarks(self) -> list[str]:
        """What a reader must know of the range: that it is not over, or not decided."""
        report = self.report
        if report.watermark is None:
            return [self.phrases.no_tick]
        found = []
        if report.recorded_since is not None and report.recorded_since > report.window.start:
            found.append(self.phrases.recorded_since.format(at=self.dated(report.recorded_since)))
        if report.window.end < self.range.window.end:
            found.append(self.phrases.up_to_now.format(at=self.moment(report.window.end)))
        if report.watermark < report.window.end:
            found.append(self.phrases.tick_stopped.format(at=self.moment(report.watermark)))
        return found

    @cached_property
    def faults(self) -> list[Line]:
        """The organizations of which something is missing, the worst first, and alike ones by name."""
        return sorted(self.report.faults, key=lambda line: (*line.order[:4], self.name_of(line)))

    def summary(self) -> list[str]:
        """A sentence for each type, the worst first."""
        nothing = self.phrases.nothing_due if self.report.is_known else self.phrases.no_records
        return [self.of_type(line) for line in self.report.types] or [nothing.format(title=self.range.title)]

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The figures of each type with its sentence, for programs."""
        return [{**line.figures, "sentence": self.of_type(line)} for line in self.report.types]

    def of_type(self, line: Line) -> str:
        """How much of a type is exported, which time that is, and who is missing."""
        name = one_line(line.integration_type)
        exported = self.exported(line)
        if line.is_whole:
            return f"{name}: {exported}, {self._whole(line)}." if line.due else f"{name}: {exported}."
        faults = [one for one in self.faults if one.integration_type == line.integration_type]
        missing = [self.of_organization(one) for one in faults[:NAMED]]
        if len(faults) > NAMED:
            more = len(faults) - NAMED
            missing.append(self.phrases.more[more != 1].format(number=self.number(more)))
        return f"{name}: {exported}; {'; '.join(missing)}."

    def of_organization(self, line: Line) -> str:
        """What is missing of an organization: the worst of it."""
        name = one_line(self.name_of(line), LONGEST_NAME)
        stretch = worst_of(line)
        reason = min([*line.missing, *([stretch.reason] if stretch else [])], key=RANK.__getitem__)
        number, detail = line.missing[reason], stretch.detail if stretch and stretch.reason is reason else ""
        phrases, word = self.phrases, self.phrases.reasons[reason]
        if not number and reason is not Reason.INVALID and stretch:
            told = phrases.not_covered.format(name=name, at=self.moment(stretch.window.start), reason=word)
        elif reason is Reason.FAILED:
            at = self.moment(stretch.failed_at) if stretch and stretch.failed_at else None
            since = phrases.since.format(at=at) if at else ""
            failed = phrases.failed.format(name=name, times=self._times(number))
            return failed + (f", {detail}{since}" if detail else since)
        elif reason is Reason.INVALID:
            told = f"{name} {word}"
        else:
            told = phrases.some.format(name=name, number=self.number(number), reason=word)
        return f"{told}: {detail}" if detail else told

    def exported(self, line: Line) -> str:
        """How many of the periods that were due are exported, and how many integrations can't run."""
        invalid, phrases = line.invalid, self.phrases
        none = phrases.none_due if self.report.is_known else phrases.none_known
        exported = phrases.exported.format(share=self.share(line)) if line.due else none
        return exported + (phrases.invalid[invalid != 1].format(number=self.number(invalid)) if invalid else "")

    def share(self, line: Line) -> str:
        """`12 of 14`; `can't run` where nothing was due for that reason."""
        if line.invalid and not line.due:
            return self.phrases.reasons[Reason.INVALID]
        return self.phrases.share.format(exported=self.number(line.exported), due=self.number(line.due))

    def number(self, number: int) -> str:
        """A whole number with its thousands apart."""
        return f"{number:,}".replace(",", self.phrases.thousands)

    def name_of(self, line: Line) -> str:
        """The organization's name, or its id."""
        org_id = line.org_id or ""
        return one_line(self.names.get(org_id) or org_id)

    def moment(self, at: datetime) -> str:
        """The local time; with the date, unless it is in a range of at most a day."""
        local = at.astimezone(self.range.zone)
        window = self.range.window
        is_clear = window.end - window.start <= LONGEST_DAY and window.start <= at <= window.end
        if is_clear:
            return f"{local:%H:%M}"
        return f"{self._day(local)} {local:%H:%M}"

    def dated(self, at: datetime) -> str:
        """The local time, with its day and year."""
        local = at.astimezone(self.range.zone)
        return f"{self._day(local)} {local:%Y %H:%M}"

    def _day(self, local: datetime) -> str:
        return self.phrases.day.format(number=local.day, month=self.phrases.months[local.month - 1])

    def when(self, window: Window) -> str:
        """From when to when, in local time."""
        start, end = (one.astimezone(self.range.zone) for one in (window.start, window.end))
        until = f"{end:%H:%M}" if start.date() == end.date() else self.moment(window.end)
        return f"{self.moment(window.start)} - {until}"

    def _whole(self, line: Line) -> str:
        report = self.report
        if not line.covers(report.window):
            return self.phrases.all_due
        is_over = report.window.end >= self.range.window.end
        return self.phrases.whole.format(range=self.range.name) + ("" if is_over else self.phrases.so_far)

    def _times(self, number: int) -> str:
        once, twice, more = self.phrases.times
        return {1: once, 2: twice}.get(number) or more.format(number=self.number(number))


def worst_of(line: Line) -> Stretch | None:
    """The longest of the stretches with the worst reason."""
    return min(line.uncovered, key=lambda one: (RANK[one.reason], one.window.start - one.window.end), default=None)


def zone_name(of: Range) -> str:
    """The zone, as it is written in the settings."""
    return str(getattr(of.zone, "key", None) or of.zone)
