"""Whether what should have run was decided, delivered once, and started in time. Pure: rows in, findings out.

``evidence`` holds the nouns; ``ticks`` knows which moments the ticks covered, and what they saw; ``basis`` holds what a
verification starts from. ``examine`` checks one integration: ``decisions`` compares each row of the ledger with its
tick, key, schedule and row of the application, ``attempts`` with its attempts; ``doubled`` finds what was delivered
twice, ``late`` what started late, ``coverage`` what was not delivered. What should have run is computed again from
the schedules: nothing here uses the code that decided it, and no row of the ledger is its own proof.
"""

from synkron.reports.verify.basis import LATE, Basis
from synkron.reports.verify.evidence import Finding, Kind, Recorded, Standing, Undelivered
from synkron.reports.verify.examine import Doubt, Examined, examine
from synkron.reports.verify.ticks import Sight, TickRow, full_transaction

__all__ = [
    "LATE",
    "Basis",
    "Doubt",
    "Examined",
    "Finding",
    "Kind",
    "Recorded",
    "Sight",
    "Standing",
    "TickRow",
    "Undelivered",
    "examine",
    "full_transaction",
]
