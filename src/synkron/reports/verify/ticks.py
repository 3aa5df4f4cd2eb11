"""Which moments the ticks covered, and which rows they provably saw.

A row's version carries the transaction that wrote it, and each tick records a snapshot before it reads. A version that
stands now and was written by a transaction that had ended before a snapshot has stood ever since that snapshot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.model import Window
from synkron.reports.verify.evidence import Finding, Kind

# PostgreSQL numbers transactions with 64 bits, and keeps the lower 32 with a row.
EPOCH = 1 << 32
# Below are the numbers that stand for no transaction in particular.
FIRST_TRANSACTION = 3
# A tick decides what comes up to half a minute after it, and looks back as far at least.
HALF_MINUTE = timedelta(seconds=30)
# A tick waits for the one before it and reads what is due, and writes its row then. Clocks are set by less.
LONGEST_READ = timedelta(minutes=5)
SMALL_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TickRow:
    """A tick that moved the watermark: of when it is, its window, and when its row was written.

    ``is_asked`` says that its moment may have been given by hand. ``saw_below`` is the transaction below which it saw
    what every other had written; None where unrecorded.
    """

    id: int
    at: datetime
    window: Window
    recorded_at: datetime
    saw_below: int | None
    is_asked: bool = False

    @property
    def fits_its_moment(self) -> bool:
        """Whether moment, window and row were written by one tick."""
        return self.window.end == self.at + HALF_MINUTE and (
            self.is_asked or -SMALL_STEP <= self.recorded_at - self.at <= LONGEST_READ
        )


class Sight:
    """What the ticks saw, in the order in which they ticked; those that moved the watermark count.

    No tick of a ledger that was adopted as a copy begins before ``copied_at``.
    """

    def __init__(self, ticks: Sequence[TickRow], copied_at: datetime | None = None) -> None:
        self._all = ticks
        self._copied_at = copied_at
        self._ticks: list[TickRow] = []
        for tick in ticks:
            if tick.fits_its_moment and (not self._ticks or tick.window.end > self._ticks[-1].window.end):
                self._ticks.append(tick)
        self._starts = [tick.window.start for tick in self._ticks]
        self._ends = [tick.window.end for tick in self._ticks]

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def first(self) -> datetime | None:
        """From when on (left out) the ticks decided."""
        return self._all[0].window.start if self._all else None

    def saw(self, moment: datetime, transaction: int | None, *, at_first: bool = False) -> bool:
        """Whether the last tick that had to decide the moment, or one before it, saw what the transaction wrote.

        With ``at_first``, the first of them: half a minute ahead, where mostly it is decided. Only what was written
        before every transaction that was still open then counts: a row may carry the number of a subtransaction, and a
        snapshot lists none.
        """
        index = bisect_left(self._starts, moment) - 1
        if at_first:
            index = min(index, bisect_left(self._ends, moment))
        if index < 0 or transaction is None:
            return False
        saw_below = self._ticks[index].saw_below
        return saw_below is not None and transaction < saw_below

    def faults(self, window: Window) -> list[Finding]:
        """What is wrong with the ticks: where none covers the window, and which of them do not follow each other."""
        return sorted([*self._holes(window), *self._misfits()], key=lambda one: one.at)

    def _misfits(self) -> Iterator[Finding]:
        """Ticks that contradict themselves or earlier ones: each begins where these ended, or half a minute ago.

        Or where a copy was adopted, if that is later.
        """
        reached = written = None
        for tick in self._all:
            if not tick.fits_its_moment:
                yield _misfit(tick, f"ends at {_shown(tick.window.end)} and was recorded at {_shown(tick.recorded_at)}")
                continue
            if written is not None and tick.recorded_at < written - SMALL_STEP:
                yield _misfit(tick, f"was recorded before the one before it: the clock went back to {_shown(tick.at)}")
            elif reached is not None and reached >= tick.window.start not in (
                min(reached, tick.at - HALF_MINUTE),
                self._copied_at,
            ):
                yield _misfit(tick, f"begins at {_shown(tick.window.start)}, where it had no reason to")
            reached = max(tick.window.end, reached or tick.window.end)
            written = tick.recorded_at

    def _holes(self, window: Window) -> list[Finding]:
        """Where no tick's window covers the given one."""
        found = []
        covered = window.start
        for tick in [*(one.window for one in self._ticks), Window(window.end, window.end)]:
            if tick.start > covered:
                end = min(tick.start, window.end)
                message = f"no tick's window covers {_shown(covered)} to {_shown(end)}"
                found.append(Finding(Kind.UNEXPLAINED, covered, message))
            covered = max(covered, tick.end)
        return found


def _misfit(tick: TickRow, what: str) -> Finding:
    return Finding(Kind.UNEXPLAINED, tick.at, f"tick {tick.id}, of {_shown(tick.at)}, {what}")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def full_transaction(written: int | None, next_transaction: int) -> int | None:
    """The 64-bit number of the transaction whose lower 32 bits a row holds; None where they name none.

    It is the newest one that has these bits. The row of an older one is taken to be younger than it is, so that nothing
    is proven by mistake.
    """
    if written is None or written < FIRST_TRANSACTION:
        return None
    number = next_transaction // EPOCH * EPOCH + written
    return number if number < next_transaction else number - EPOCH
