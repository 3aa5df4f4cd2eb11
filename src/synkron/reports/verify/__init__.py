"""Whether what should have run was decided, delivered once, and started in time. Pure: rows in, findings out.

``evidence`` holds the nouns; ``sight`` knows which moments the ticks covered, and what they saw; ``basis`` what a
verification goes by. ``examine`` goes through one integration: ``decisions`` holds each row of the ledger against its
tick, key, schedule and row of the application, ``attempts`` against its attempts; ``doubled`` is what was delivered
twice, ``late`` what started late, ``coverage`` what was not delivered. What should have run is worked out again from
the schedules: nothing here asks the plan that decided it, and no row of the ledger is believed by itself.
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
