"""Compares what should have run of one integration with the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from synkron.model import Action, State, Window
from synkron.reports.verify.attempts import against_attempts
from synkron.reports.verify.basis import Basis
from synkron.reports.verify.coverage import Coverage, coverage
from synkron.reports.verify.decisions import against_itself, against_schedule
from synkron.reports.verify.deliveries import doubled, late
from synkron.reports.verify.evidence import Finding, FindingKind, LiveRow, RecordedDecision, Undelivered
from synkron.reports.verify.undecided import NONE, Undecided, undecided

NOTHING: Mapping[Undelivered, int] = MappingProxyType({})


class UnsureFinding(NamedTuple):
    """A fault of a row, unless the decision before it, which was not read, ended where the row's period begins."""

    of: RecordedDecision
    message: str


class Examined(NamedTuple):
    """The result for one integration.

    ``unprovable`` counts undecided moments that nothing proves to have been due; they are not findings. ``invalid``
    counts the rows that can't run now, ``could_not_run`` the moments at which the row was invalid, which were not due.
    ``undelivered`` counts moments by reason; no run covers the ``gaps``.
    """

    occurrences: int
    findings: Sequence[Finding] = ()
    unprovable: int = 0
    failed: int = 0
    invalid: int = 0
    undelivered: Mapping[Undelivered, int] = NOTHING
    gaps: Sequence[Window] = ()
    doubts: Sequence[UnsureFinding] = ()
    could_not_run: int = 0


def examine(row: LiveRow | None, recorded: Sequence[RecordedDecision], basis: Basis) -> Examined:
    """Compare the current row (None if it is gone) with the ledger's rows, which are ordered, oldest first.

    ``recorded`` holds the rows of the window, later rows whose period overlaps it, and earlier runs that had not ended
    when it began.
    """
    within = [one for one in recorded if basis.window.start < one.scheduled_for <= basis.window.end]
    findings, doubts = _of_rows(within, row, basis)
    findings += late(recorded, basis)
    if len(within) > 1:
        findings += doubled(within)
    covered = coverage(recorded, basis)
    left = NONE if row is None else undecided(row, recorded, basis)
    findings += covered.lost
    findings += left.findings
    if basis.is_strict:
        findings += _strictly(covered, left, row, recorded)
    return Examined(
        sum([one.occurrences for one in within]) + len(left.held) + left.unprovable + len(left.findings),
        findings,
        left.unprovable,
        sum([one.state == State.FAILED and not one.was_cancelled for one in within]),
        left.invalid,
        _counted(covered, left) if covered.undelivered or left.held else NOTHING,
        covered.gaps,
        doubts,
        left.could_not_run,
    )


def _of_rows(
    within: Sequence[RecordedDecision], row: LiveRow | None, basis: Basis
) -> tuple[list[Finding], list[UnsureFinding]]:
    """What is wrong with each row of the ledger, alone and compared with the rows before it."""
    findings: list[Finding] = []
    doubts: list[UnsureFinding] = []
    for number, one in enumerate(within):
        wrong = against_itself(one, row, basis)
        fault, unless_continued = against_schedule(one, basis)
        if fault is not None:
            wrong.append(fault)
        elif unless_continued is not None:
            continues = _continues(one, within[:number])
            if continues is None:
                doubts.append(UnsureFinding(one, unless_continued))
            elif not continues:
                wrong.append(unless_continued)
        if by_attempts := against_attempts(one):
            findings.append(one.finding(*by_attempts))
        if wrong:
            findings += [one.finding(FindingKind.UNEXPLAINED, message) for message in wrong]
    return findings, doubts


def _continues(one: RecordedDecision, earlier: Sequence[RecordedDecision]) -> bool | None:
    """Whether its period begins where the decision before it ended, or where a superseded run before it began.

    None if that decision was not read.

    A merged moment has its period in another row. A skipped run may have been superseded; its period then passes to the
    next run. A decision that was made later does not count.
    """
    for before in reversed(earlier):
        if not before.is_from_tick or before.action == Action.MERGE:
            continue
        is_skipped_run = before.action == Action.RUN and not before.is_delivered
        if one.period_start == before.scheduled_for or (is_skipped_run and one.period_start == before.period_start):
            return True
        if before.claimed_at <= one.claimed_at and not is_skipped_run:
            return False
    return None


def _counted(covered: Coverage, left: Undecided) -> Counter[Undelivered]:
    counts = Counter[Undelivered]()
    if left.held:
        counts[Undelivered.HELD] = len(left.held)
    for reason, one in covered.undelivered:
        counts[reason] += one.occurrences
    return counts


def _strictly(
    covered: Coverage, left: Undecided, row: LiveRow | None, recorded: Sequence[RecordedDecision]
) -> Iterator[Finding]:
    """The findings of ``--strict``: what was not delivered, and the time that no run covers."""
    for reason, one in covered.undelivered:
        said = "while it was under way" if one.was_cancelled else one.reason
        yield one.finding(FindingKind.UNDELIVERED, f"{reason}: {said}")
    for gap in covered.gaps:
        message = f"no run covers {gap.start:%Y-%m-%dT%H:%MZ} to {gap.end:%Y-%m-%dT%H:%MZ}"
        of = recorded[-1]
        yield Finding(FindingKind.UNCOVERED, gap.start, message, of.integration_id, of.org_id, of.integration_type)
    if row is not None:
        for moment in left.held:
            yield row.finding(
                FindingKind.UNDELIVERED, moment, f"{Undelivered.HELD}: nothing is decided until the hold ends"
            )
