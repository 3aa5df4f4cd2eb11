"""The undecided moments of a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from synkron.reports.verify.basis import Basis, Moments
from synkron.reports.verify.evidence import Finding, FindingKind, LiveRow, RecordedDecision


class Undecided(NamedTuple):
    """Moments on hold (``held``); how many moments nothing proves to have been due; ``invalid`` is 1 if the row is.

    ``could_not_run`` counts the moments at which the row was invalid. They were not due.
    """

    held: Sequence[datetime] = ()
    unprovable: int = 0
    findings: Sequence[Finding] = ()
    invalid: int = 0
    could_not_run: int = 0


NONE = Undecided()
INVALID = Undecided(invalid=1)


def undecided(row: LiveRow, recorded: Sequence[RecordedDecision], basis: Basis) -> Undecided:
    """The moments that are undecided if the row never changed. An invalid row has none."""
    moments = basis.owed(row)
    if moments is None:
        return INVALID
    is_valid = row.integration_type in basis.types
    left = _left(moments, recorded)
    if not left:
        return NONE if is_valid else INVALID
    held = [moment for moment in left if row.held_since is not None and row.held_since < moment]
    if not is_valid:
        return Undecided(held, invalid=1)
    unprovable = could_not_run = 0
    findings = []
    for moment in left[: len(left) - len(held)]:
        finding = _why(moment, row, recorded, basis)
        if finding is not None and finding.kind is FindingKind.MISSED:
            findings.append(finding)
        elif basis.invalid_rows.has(row, basis.ticks.deciding(moment)):
            could_not_run += 1
        elif finding is None:
            unprovable += 1
        else:
            findings.append(finding)
    return Undecided(held, unprovable, findings, could_not_run=could_not_run)


def _left(moments: Moments, recorded: Sequence[RecordedDecision]) -> list[datetime]:
    """The moments without a row in the ledger, oldest first."""
    missing = moments.keys() - [one.scheduled_for for one in recorded if one.decides]
    if not missing:
        return []
    summaries = [one for one in recorded if one.occurrences > 1]
    return sorted(
        moment
        for moment in missing
        if not any(
            (one.period_start is None or one.period_start < moment) and moment <= one.scheduled_for for one in summaries
        )
    )


def _why(moment: datetime, row: LiveRow, recorded: Sequence[RecordedDecision], basis: Basis) -> Finding | None:
    """The finding about the moment, as far as it is proven that the row has not changed since it was to be decided."""
    if basis.stood(row, moment):
        message = f'"{row.cron_schedule}" fires then and a tick saw the row, but nothing was decided'
        return row.finding(FindingKind.MISSED, moment, message)
    if any(
        basis.window.start < one.scheduled_for < moment
        and (one.cron_schedule, one.timezone) == (row.cron_schedule, row.timezone)
        for one in recorded
        if one.is_from_tick
    ):
        message = (
            "earlier moments of the same schedule were decided, but not this one: "
            "it was missed, or the row was disabled or edited for a while"
        )
        return row.finding(FindingKind.UNEXPLAINED, moment, message)
    return None
