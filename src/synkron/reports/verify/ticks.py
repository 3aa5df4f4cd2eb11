"""Which moments the ticks covered, and which rows they provably saw.

A row's version carries the transaction that wrote it, and each tick records a snapshot before it reads. If that
transaction had ended before a snapshot, the current version has not changed since that snapshot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.model import Window
from synkron.reports.verify.evidence import Finding, FindingKind

# PostgreSQL numbers transactions with 64 bits, and keeps the lower 32 with a row.
EPOCH = 1 << 32
# Lower numbers do not identify a transaction.
FIRST_TRANSACTION = 3
# A tick decides up to half a minute ahead, and looks at least as far back.
HALF_MINUTE = timedelta(seconds=30)
# The longest time between a tick's moment and its row: it waits for the tick before it and reads what is due. The
# second is the largest change of a clock that is accepted.
LONGEST_READ = timedelta(minutes=5)
SMALL_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TickRow:
    """A tick that moved the watermark: its moment, its window, and when its row was written.

    ``is_asked``: its moment may have been given by hand. It saw the writes of all transactions below ``saw_below``;
    None if that is not recorded. It counted so many ``invalid`` rows.
    """

    id: int
    at: datetime
    window: Window
    recorded_at: datetime
    saw_below: int | None
    is_asked: bool = False
    invalid: int = 0

    @property
    def fits_its_moment(self) -> bool:
        """Whether moment, window and row were written by one tick."""
        return self.window.end == self.at + HALF_MINUTE and (
            self.is_asked or -SMALL_STEP <= self.recorded_at - self.at <= LONGEST_READ
        )


class TickHistory:
    """What the ticks that moved the watermark saw, in their order.

    In a ledger that was adopted as a copy, no tick's window begins before ``copied_at``.
    """

    def __init__(self, ticks: Sequence[TickRow], copied_at: datetime | None = None) -> None:
        self._all = ticks
        self._copied_at = copied_at
        self._ticks: list[TickRow] = []
        # After the clock was set back: they had to decide what they were the first to see.
        self._back: list[TickRow] = []
        for tick in ticks:
            if tick.fits_its_moment:
                is_back = bool(self._ticks) and tick.window.end <= self._ticks[-1].window.end
                (self._back if is_back else self._ticks).append(tick)
        self._starts = [tick.window.start for tick in self._ticks]
        self._ends = [tick.window.end for tick in self._ticks]

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def first(self) -> datetime | None:
        """The ticks decided all moments after this one."""
        return self._all[0].window.start if self._all else None

    def deciding(self, moment: datetime) -> Sequence[TickRow]:
        """The ticks that had to decide the moment if it was undecided then, usually two."""
        forwards = self._ticks[bisect_left(self._ends, moment) : bisect_left(self._starts, moment)]
        return [*forwards, *(tick for tick in self._back if tick.window.start < moment <= tick.window.end)]

    def saw(self, moment: datetime, transaction: int | None, *, at_first: bool = False) -> bool:
        """Whether the last tick that had to decide the moment, or an earlier one, saw what the transaction wrote.

        With ``at_first``, whether the first of them did: half a minute ahead, where most moments are decided. The write
        counts only if its transaction is older than every transaction that was still open then: a row may carry the
        number of a subtransaction, and a snapshot does not list those.
        """
        index = bisect_left(self._starts, moment) - 1
        if at_first:
            index = min(index, bisect_left(self._ends, moment))
        if index < 0 or transaction is None:
            return False
        saw_below = self._ticks[index].saw_below
        return saw_below is not None and transaction < saw_below

    def faults(self, window: Window) -> list[Finding]:
        """What is wrong with the ticks: parts of the window without one, and ticks that do not follow each other."""
        return sorted([*self._holes(window), *self._misfits()], key=lambda one: one.at)

    def _misfits(self) -> Iterator[Finding]:
        """Ticks that contradict themselves or earlier ones.

        A tick's window begins where the earlier ones ended or half a minute before it, whichever is earlier; or where a
        copy was adopted.
        """
        reached = written = None
        for tick in self._all:
            if not tick.fits_its_moment:
                end, recorded_at = _shown(tick.window.end), _shown(tick.recorded_at)
                yield _misfit(tick, f"has a window to {end} and was recorded at {recorded_at}")
                continue
            if written is not None and tick.recorded_at < written - SMALL_STEP:
                yield _misfit(tick, f"was recorded before the previous tick: the clock was set to {_shown(tick.at)}")
            elif reached is not None and reached >= tick.window.start not in (
                min(reached, tick.at - HALF_MINUTE),
                self._copied_at,
            ):
                start = _shown(tick.window.start)
                yield _misfit(tick, f"has a window from {start}, which does not follow from the ticks before it")
            reached = max(tick.window.end, reached or tick.window.end)
            written = tick.recorded_at

    def _holes(self, window: Window) -> list[Finding]:
        """The parts of the given window that no tick's window covers."""
        found = []
        covered = window.start
        for tick in [*(one.window for one in self._ticks), Window(window.end, window.end)]:
            if tick.start > covered:
                end = min(tick.start, window.end)
                message = f"no tick's window covers {_shown(covered)} to {_shown(end)}"
                found.append(Finding(FindingKind.UNEXPLAINED, covered, message))
            covered = max(covered, tick.end)
        return found


def _misfit(tick: TickRow, what: str) -> Finding:
    return Finding(FindingKind.UNEXPLAINED, tick.at, f"tick {tick.id}, at {_shown(tick.at)}, {what}")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def full_transaction(written: int | None, next_transaction: int) -> int | None:
    """The 64-bit number of the transaction whose lower 32 bits a row holds; None if the bits identify none.

    It is the newest transaction with these bits. An older row then counts as younger than it is, so nothing is proven
    by mistake.
    """
    if written is None or written < FIRST_TRANSACTION:
        return None
    number = next_transaction // EPOCH * EPOCH + written
    return number if number < next_transaction else number - EPOCH
