"""Whether incidents show that a row could not run when a moment was to be decided.

An incident alone is no proof: it stays open while its row is valid for a while and then invalid again. So each tick
must also have counted exactly as many invalid rows as incidents name then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from synkron.reports.verify.evidence import LiveRow
from synkron.reports.verify.ticks import TickRow

# How long after the tick that found a row invalid its incident says "since", at the latest.
NOTED_WITHIN = timedelta(minutes=1)


class InvalidRowIncident(NamedTuple):
    """An incident about ``rows`` invalid rows, seen from ``since`` to ``seen_at``; whether it ``excuses`` what was not
    decided of them.
    """

    subject: str
    since: datetime
    seen_at: datetime
    rows: int
    excuses: bool

    def spans(self, tick: TickRow) -> bool:
        """Whether its rows were invalid at the tick, as far as it says."""
        return self.since - NOTED_WITHIN <= tick.at <= self.seen_at


class InvalidRows:
    """Which rows were invalid at which ticks, by the incidents."""

    def __init__(self, incidents: Iterable[InvalidRowIncident] = ()) -> None:
        self._all = list(incidents)
        self._by_subject: defaultdict[str, list[InvalidRowIncident]] = defaultdict(list)
        for one in self._all:
            if one.excuses:
                self._by_subject[one.subject].append(one)
        self._named: dict[int, int] = {}

    def has(self, row: LiveRow, ticks: Sequence[TickRow]) -> bool:
        """Whether the row, or all rows of its organization, could not run at any of the ticks; there must be some."""
        named = [*self._of(row.integration_id), *self._of(f"organization {row.org_id}")]
        return bool(named and ticks) and all(
            any(one.spans(tick) for one in named) and tick.invalid == self._named_at(tick) for tick in ticks
        )

    def _of(self, subject: str) -> Sequence[InvalidRowIncident]:
        return self._by_subject.get(subject, ())

    def _named_at(self, tick: TickRow) -> int:
        """How many invalid rows the incidents name at the tick."""
        if tick.id not in self._named:
            self._named[tick.id] = sum(one.rows for one in self._all if one.spans(tick))
        return self._named[tick.id]
