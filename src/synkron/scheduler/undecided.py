"""What is left to decide of an integration's moments when others are decided already. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from synkron.model import Occurrences


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
