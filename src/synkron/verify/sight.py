"""Which moments the ticks covered, and which rows they provably saw.

A row's version carries the transaction that wrote it, and each tick records a snapshot before it reads. A version that
stands now and was written by a transaction that had ended before a snapshot has stood ever since that snapshot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from synkron.model import Window
from synkron.verify.evidence import Finding, Kind

# PostgreSQL numbers transactions with 64 bits, and keeps the lower 32 with a row.
EPOCH = 1 << 32
# Below are the numbers that stand for no transaction in particular.
FIRST_TRANSACTION = 3


@dataclass(frozen=True, slots=True)
class TickRow:
    """A tick's window, and the transaction below which it saw what every other had written; None where unrecorded."""

    window: Window
    saw_below: int | None


class Sight:
    """What the ticks saw, in the order in which they ticked; those that moved the watermark count."""

    def __init__(self, ticks: Iterable[TickRow]) -> None:
        self._ticks: list[TickRow] = []
        for tick in ticks:
            if not self._ticks or tick.window.end > self._ticks[-1].window.end:
                self._ticks.append(tick)
        self._starts = [tick.window.start for tick in self._ticks]

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def first(self) -> datetime | None:
        """From when on (left out) the ticks decided."""
        return self._starts[0] if self._starts else None

    def saw(self, moment: datetime, transaction: int | None) -> bool:
        """Whether the last tick that had to decide the moment, or one before it, saw what the transaction wrote.

        Only what was written before every transaction that was still open then counts: a row may carry the number of a
        subtransaction, and a snapshot lists none.
        """
        index = bisect_left(self._starts, moment) - 1
        if index < 0 or transaction is None:
            return False
        saw_below = self._ticks[index].saw_below
        return saw_below is not None and transaction < saw_below

    def holes(self, window: Window) -> list[Finding]:
        """Where no tick's window covers the given one."""
        found = []
        covered = window.start
        for tick in [*(one.window for one in self._ticks), Window(window.end, window.end)]:
            if tick.start > covered:
                end = min(tick.start, window.end)
                message = f"no tick's window covers {covered:%Y-%m-%dT%H:%M:%S}Z to {end:%Y-%m-%dT%H:%M:%S}Z"
                found.append(Finding(Kind.UNEXPLAINED, covered, message))
            covered = max(covered, tick.end)
        return found


def full_transaction(written: int | None, next_transaction: int) -> int | None:
    """The 64-bit number of the transaction whose lower 32 bits a row holds; None where they name none.

    It is the newest one that has these bits. The row of an older one is taken to be younger than it is, so that nothing
    is proven by mistake.
    """
    if written is None or written < FIRST_TRANSACTION:
        return None
    number = next_transaction // EPOCH * EPOCH + written
    return number if number < next_transaction else number - EPOCH
