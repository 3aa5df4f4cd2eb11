"""What is wrong with the deliveries of one integration: double ones, and late ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from synkron.model import Action, Source, State
from synkron.reports.verify.basis import Basis
from synkron.reports.verify.evidence import Finding, FindingKind, RecordedDecision


def doubled(recorded: Sequence[RecordedDecision]) -> Iterator[Finding]:
    """Two deliveries for one moment or under one key, and periods that overlap."""
    delivered = [one for one in recorded if one.is_delivered]
    by_moment: dict[datetime, RecordedDecision] = {}
    by_key: dict[str, RecordedDecision] = {}
    for one in delivered:
        first = by_moment.setdefault(one.scheduled_for, one)
        same_key = by_key.setdefault(one.key, one)
        if first is not one:
            yield one.finding(FindingKind.DOUBLED, f"run {first.id} was also delivered for this moment")
        elif same_key is not one:
            yield one.finding(FindingKind.DOUBLED, f"run {same_key.id} was delivered under the same key, {one.key}")
    yield from _overlapping(delivered)


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


def _overlapping(delivered: Sequence[RecordedDecision]) -> Iterator[Finding]:
    """Overlapping periods of runs that ticks decided; and of backfilled runs with runs of the same schedule."""
    decided = [one for one in delivered if one.is_from_tick]
    yield from _overlaps(decided)
    if len(decided) < len(delivered):
        schedules: dict[tuple[str | None, str | None], list[RecordedDecision]] = defaultdict(list)
        for one in delivered:
            if one.decides:
                schedules[one.cron_schedule, one.timezone].append(one)
        for runs in schedules.values():
            yield from _overlaps(runs, of=Source.BACKFILL)


def _overlaps(runs: Sequence[RecordedDecision], of: Source | None = None) -> Iterator[Finding]:
    last: RecordedDecision | None = None
    for one in sorted(runs, key=lambda run: run.scheduled_for):
        if (
            last
            and one.period_start
            and one.period_start < last.scheduled_for < one.scheduled_for
            and (of is None or of in (one.source, last.source))
        ):
            message = f"its period from {one.period_start:%Y-%m-%dT%H:%MZ} overlaps with that of run {last.id}"
            yield one.finding(FindingKind.DOUBLED, message)
        last = one


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
