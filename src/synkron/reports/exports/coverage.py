"""Which of an integration's periods are exported, and why the others are not. Pure: rows in, figures out."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple

from synkron.model import Action, Source, State, Window
from synkron.reports.exports.covered_time import CoveredTime
from synkron.reports.verify.basis import schedule_of
from synkron.reports.verify.evidence import Undelivered
from synkron.text import one_line

LONGEST_DETAIL = 200


class Reason(StrEnum):
    """Why time is not covered by a successful export, the worst first.

    ``open``: a run waits or is under way. ``undecided``: no scheduler has ticked since. ``invalid``: the row can't run.
    """

    FAILED = "failed"
    INVALID = "invalid"
    UNDECIDED = "undecided"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    MERGED = "merged"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    PAUSED = "paused"
    OPEN = "open"


class Recorded(NamedTuple):
    """A row of the ledger whose period overlaps the range; or successful runs whose periods adjoin, which have no id.

    ``since`` is not before the range. ``own`` are the moments of a row for many that have a run of their own. A failed
    run may be one that ``was_cancelled`` under way.
    """

    integration_id: str
    org_id: str
    integration_type: str
    since: datetime
    until: datetime
    periods: int
    id: int | None = None
    source: str = Source.SCHEDULE
    action: str = Action.RUN
    state: str = State.SUCCEEDED
    reason: str = ""
    error: str | None = None
    http_status: int | None = None
    finished_at: datetime | None = None
    cron_schedule: str | None = None
    timezone: str | None = None
    own: Sequence[datetime] = ()
    was_cancelled: bool = False


class Period(NamedTuple):
    """A period that may not be exported, and why not: ``detail`` says more.

    It counts as so many that were ``due``; as none if only its time matters.
    """

    since: datetime
    until: datetime
    reason: Reason
    due: int = 1
    detail: str = ""
    failed_at: datetime | None = None
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time without a successful export, for one reason; when its first run failed, and the number of its last."""

    window: Window
    reason: Reason
    detail: str = ""
    failed_at: datetime | None = None
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What an integration exported of a range: its periods, and its time.

    ``missing`` counts the periods that were due and are not exported, by reason.
    """

    integration_id: str
    org_id: str
    integration_type: str
    exported: int
    missing: Mapping[Reason, int]
    covered: Sequence[Window]
    uncovered: Sequence[Stretch]


def export_of(
    integration: tuple[str, str, str], recorded: Sequence[Recorded], pending: Sequence[Period], window: Window
) -> Export:
    """What the rows of an integration, ordered by their ends, and its undecided periods come to in the window.

    A period is exported if the time of successful runs includes it, whichever run that was. Periods overlap, such as
    that of a catch-up run and those that were merged into it; their time is told of once.
    """
    successes = [Window(one.since, one.until) for one in recorded if one.id is None]
    exported = sum(one.periods for one in recorded if one.id is None)
    missing: Counter[Reason] = Counter()
    stretches: list[Stretch] = []
    covered, told = CoveredTime(successes), CoveredTime(successes)
    for one in (*_periods(recorded, window), *pending):
        part = Window(max(one.since, window.start), min(one.until, window.end))
        due = one.due if one.until <= window.end else 0
        if not covered.missing(part):
            exported += due
            continue
        missing[one.reason] += due
        gaps = told.missing(part)
        stretches += [Stretch(gap, one.reason, one.detail, one.failed_at, one.run_id) for gap in gaps]
        told.add(part)
    return Export(*integration, exported, +missing, list(covered), _joined(stretches))


def _periods(recorded: Sequence[Recorded], window: Window) -> Iterator[Period]:
    """The periods that have no successful run of their own, each once."""
    covers = Covers([one for one in recorded if one.id is not None and _is_delivered(one)])
    delivered: set[datetime] = {one.until for one in covers.runs}
    seen: set[datetime] = set()
    for one in recorded:
        if one.id is None:
            continue
        if one.periods > 1:
            yield from _expanded(one, window)
        elif _is_delivered(one):
            yield _undone(one, one)
        elif one.until not in delivered and one.until not in seen:
            seen.add(one.until)
            yield _undone(one, covers.run_over(one.until) or one)


class Covers:
    """The runs that have failed, or will be delivered: a moment that was merged or superseded shares their fate."""

    def __init__(self, runs: Sequence[Recorded]) -> None:
        """The runs, ordered by their ends."""
        self.runs = runs
        self._ends = [one.until for one in runs]
        # The earliest start of this run and all later ones: behind it, no run can reach back far enough.
        self._earliest = list(accumulate((one.since for one in reversed(runs)), min))[::-1]

    def run_over(self, moment: datetime) -> Recorded | None:
        """The first run whose period includes the moment."""
        for index in range(bisect_left(self._ends, moment), len(self.runs)):
            if self._earliest[index] >= moment:
                break
            if self.runs[index].since < moment:
                return self.runs[index]
        return None


def _is_delivered(one: Recorded) -> bool:
    return one.action == Action.RUN and one.state != State.SKIPPED


def _undone(period: Recorded, run: Recorded) -> Period:
    """The period, with the reason why the run that it depends on has not exported it."""
    reason, detail = _reason(run)
    failed_at = run.finished_at if reason is Reason.FAILED else None
    return Period(period.since, period.until, reason, period.periods, detail, failed_at, run.id)


def _reason(run: Recorded) -> tuple[Reason, str]:
    if not _is_delivered(run):
        reason = Reason(Undelivered.of(run.action, run.reason))
        return reason, one_line(run.reason.removeprefix(f"{reason}: "), LONGEST_DETAIL)
    if run.state != State.FAILED:
        return Reason.OPEN, ""
    error = run.error or ""
    if run.was_cancelled:
        return Reason.CANCELLED, one_line(error, LONGEST_DETAIL)
    return Reason.FAILED, f"HTTP {run.http_status}" if run.http_status else one_line(error, LONGEST_DETAIL)


def _expanded(one: Recorded, window: Window) -> Iterator[Period]:
    """The moments that one row stands for, as its schedule has them; all as one if that can't be read."""
    schedule = None if one.cron_schedule is None else schedule_of(one.cron_schedule, one.timezone)
    reason, detail = _reason(one)
    if schedule is None:
        yield Period(one.since, one.until, reason, one.periods - len(one.own), detail, None, one.id)
        return
    cron, zone = schedule
    since = one.since
    own = set(one.own)
    for moment in cron.occurrences(one.since, min(one.until, window.end), zone):
        if moment not in own:
            yield Period(since, moment, reason, 1, detail, None, one.id)
        since = moment


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    """In the order of time, those that follow each other for the same reason as one."""
    found: list[Stretch] = []
    for one in sorted(stretches, key=lambda stretch: stretch.window.start):
        if found and (before := found[-1]).window.end == one.window.start and _alike(before, one):
            failed_at = min(filter(None, (before.failed_at, one.failed_at)), default=None)
            window = Window(before.window.start, one.window.end)
            found[-1] = replace(one, window=window, failed_at=failed_at)
        else:
            found.append(one)
    return found


def _alike(one: Stretch, other: Stretch) -> bool:
    return (one.reason, one.detail) == (other.reason, other.detail)
