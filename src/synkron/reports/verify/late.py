"""Late starts of one integration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from synkron.model import Action, State
from synkron.reports.verify.basis import Basis
from synkron.reports.verify.evidence import Finding, FindingKind, RecordedDecision


def late(recorded: Sequence[RecordedDecision], basis: Basis) -> Iterator[Finding]:
    """Runs that started late, or are late and have not started. An integration's runs go one by one, oldest first."""
    if not any((one.started_at or basis.now) - one.execute_after > basis.late_after for one in recorded):
        return
    of_older: list[datetime] = []
    for one in recorded:
        if one.action != Action.RUN:
            continue
        if one.is_delivered and basis.window.start < one.scheduled_for <= basis.window.end:
            by = _lateness(one, of_older, basis)
            if by > basis.late_after:
                started = "started" if one.started_at else "has not started"
                message = f"{started} {round(by.total_seconds() / 60)} min after it could have"
                yield one.finding(FindingKind.LATE, message)
        of_older.append(one.finished_at or basis.now)


def _lateness(one: RecordedDecision, ends_of_older: Sequence[datetime], basis: Basis) -> timedelta:
    """How long after it could have it started. Spread, pace, catch-up, pauses and older runs do not count."""
    if one.started_at is None and one.state != State.CLAIMED:
        return timedelta()
    began = one.started_at or basis.now
    by = began - max(moment for moment in (one.execute_after, one.claimed_at, one.paused_until) if moment is not None)
    for ended in reversed(ends_of_older):
        if by <= basis.late_after:
            break
        # A run that ended later was backfilled or retried since: this one did not wait for it.
        if ended <= began:
            by = min(by, began - ended)
    return by
