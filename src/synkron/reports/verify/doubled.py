"""Double deliveries of one integration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from synkron.model import Source
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
