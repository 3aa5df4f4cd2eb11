"""What is left to decide of an integration's moments when others are decided already. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from synkron.model import Action, Decision, Occurrences, Source
from synkron.source.due import TOLERANCE


def undecided(one: Occurrences, decided: Collection[datetime]) -> Iterator[Occurrences]:
    """The occurrences without the decided moments: one part for each stretch between them.

    Each part's first period starts at the moment before it, so no period of a part overlaps one that was decided.
    """
    if not any(moment in decided for moment in one.moments):
        yield one
        return
    part: list[datetime] = []
    start = previous = one.period_start
    for moment in one.moments:
        if moment in decided:
            if part:
                yield replace(one, moments=part, period_start=start, following=moment)
            part, start = [], moment
        else:
            if not part:
                start = previous
            part.append(moment)
        previous = moment
    if part:
        yield replace(one, moments=part, period_start=start)


def split_by_record(
    one: Occurrences, decided: Mapping[datetime, datetime | None], now: datetime
) -> tuple[list[Occurrences], list[Decision]]:
    """The undecided parts, and the decisions about moments in the period of a run that was claimed before.

    ``decided`` has the moments that are decided, and those in such a period with the run's moment. Nothing was decided
    of the latter while the row could not run, and they are seen again: the clock was set back, a moment is replayed, or
    a hold began after such a step. The run delivers their time, so they are merged into it.
    """
    merged = [
        _merge(one, moment, start, run, now)
        for moment, start in zip(one.moments, one.starts(), strict=True)
        if (run := decided.get(moment)) is not None
    ]
    return list(undecided(one, decided.keys())), merged


def _merge(one: Occurrences, moment: datetime, start: datetime | None, run: datetime, now: datetime) -> Decision:
    reason = f"in the period of the run of {run:%Y-%m-%dT%H:%MZ}, which was claimed before"
    source = Source.CATCH_UP if moment < now - TOLERANCE else Source.SCHEDULE
    return Decision(one.integration, Action.MERGE, source, reason, [moment], start)
