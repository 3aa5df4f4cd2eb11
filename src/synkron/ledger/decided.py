"""What ticks decided of an integration before. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class DecidedMoment(NamedTuple):
    """A row of the ledger. ``start`` is that of its period if it has other moments in it: a run that is delivered, or a
    summary, which stands for all moments of its period.
    """

    at: datetime
    start: datetime | None
    is_summary: bool


def covering(decided: Sequence[DecidedMoment], moment: datetime) -> DecidedMoment | None:
    """The row in whose period the moment lies, if any. ``decided`` are in order, up to the first such row after it.

    Periods do not overlap: only the next row that has one can have the moment.
    """
    for one in decided[bisect_right(decided, moment, key=lambda one: one.at) :]:
        if one.start is not None:
            return one if one.start < moment else None
    return None
