"""What is left to decide of an integration's moments when others are decided already. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from synkron.ledger.decided import DecidedMoment, covering
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
    one: Occurrences, decided: Sequence[DecidedMoment], now: datetime
) -> tuple[list[Occurrences], list[Decision]]:
    """The undecided parts, and the decisions about moments in the period of a run that was claimed before.

    Nothing was decided of these while the row could not run, and they are seen again: the clock was set back, a moment
    is replayed, or a hold began after such a step. The run delivers their time, so they are merged into it.
    """
    taken, merged = {known.at for known in decided}, []
    for moment, start in zip(one.moments, one.starts(), strict=True):
        if moment not in taken and (by := covering(decided, moment)) is not None:
            taken.add(moment)
            if not by.is_summary:
                merged.append(_merge(one, moment, start, by.at, now))
    return list(undecided(one, taken)), merged


def _merge(one: Occurrences, moment: datetime, start: datetime | None, run: datetime, now: datetime) -> Decision:
    reason = f"in the period of the run of {run:%Y-%m-%dT%H:%MZ}, which was claimed before"
    source = Source.CATCH_UP if moment < now - TOLERANCE else Source.SCHEDULE
    return Decision(one.integration, Action.MERGE, source, reason, [moment], start)
