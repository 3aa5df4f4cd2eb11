"""Whether what should have run was decided, delivered once, and started in time. Pure: rows in, findings out.

``evidence`` holds the nouns; ``ticks`` knows which moments the ticks covered, and what they saw; ``basis`` holds what a
verification starts from. ``examine`` checks one integration: ``decisions`` compares each row of the ledger with its
tick, key, schedule and row of the application, ``attempts`` with its attempts; ``doubled`` finds what was delivered
twice, ``late`` what started late, ``coverage`` what was not delivered. What should have run is computed again from
the schedules: nothing here uses the code that decided it, and no row of the ledger is its own proof.
"""

from synkron.reports.verify.basis import LATE, Basis
from synkron.reports.verify.evidence import Finding, FindingKind, LiveRow, RecordedDecision, Undelivered
from synkron.reports.verify.examine import Examined, UnsureFinding, examine
from synkron.reports.verify.ticks import TickHistory, TickRow, full_transaction

__all__ = [
    "LATE",
    "Basis",
    "Examined",
    "Finding",
    "FindingKind",
    "LiveRow",
    "RecordedDecision",
    "TickHistory",
    "TickRow",
    "Undelivered",
    "UnsureFinding",
    "examine",
    "full_transaction",
]
