"""What was delivered twice, of one integration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from synkron.model import Source
from synkron.verify.evidence import Finding, Kind, Recorded


def doubled(recorded: Sequence[Recorded]) -> Iterator[Finding]:
    """Two deliveries for one moment or under one key, a run that succeeded twice, periods that overlap."""
    delivered = [one for one in recorded if one.is_delivered]
    by_moment: dict[object, Recorded] = {}
    by_key: dict[str, Recorded] = {}
    for one in delivered:
        first = by_moment.setdefault(one.scheduled_for, one)
        same_key = by_key.setdefault(one.key, one)
        if first is not one:
            yield one.finding(Kind.DOUBLED, f"run {first.id} was delivered for this moment, too")
        elif same_key is not one:
            yield one.finding(Kind.DOUBLED, f"run {same_key.id} was delivered under the same key, {one.key}")
        if one.successes > 1:
            yield one.finding(Kind.DOUBLED, f"{one.successes} attempts of run {one.id} succeeded")
    yield from _overlapping(delivered)


def _overlapping(delivered: Sequence[Recorded]) -> Iterator[Finding]:
    """Periods of one schedule. Those of a schedule that was edited may overlap with those before the edit."""
    schedules: dict[tuple[str | None, str | None], list[Recorded]] = defaultdict(list)
    for one in delivered:
        if one.source != Source.MANUAL:
            schedules[one.cron_schedule, one.timezone].append(one)
    for runs in schedules.values():
        last: Recorded | None = None
        for one in sorted(runs, key=lambda run: run.scheduled_for):
            if last and one.period_start and one.period_start < last.scheduled_for < one.scheduled_for:
                yield one.finding(
                    Kind.DOUBLED,
                    f"its period from {one.period_start:%Y-%m-%dT%H:%MZ} overlaps with that of run {last.id}",
                )
            last = one
