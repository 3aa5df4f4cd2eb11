"""Whether what should have run was decided, delivered once, and started in time. Pure: rows in, findings out.

``evidence`` holds the nouns; ``sight`` knows which moments the ticks covered, and what they saw; ``examine`` goes
through one integration, with ``doubled`` for what was delivered twice. What should have run is worked out again from
the schedules: nothing here asks the plan that decided it.
"""

from synkron.verify.evidence import Finding, Kind, Recorded, Standing
from synkron.verify.examine import LATE, Basis, Examined, examine
from synkron.verify.sight import Sight, TickRow, full_transaction

__all__ = [
    "LATE",
    "Basis",
    "Examined",
    "Finding",
    "Kind",
    "Recorded",
    "Sight",
    "Standing",
    "TickRow",
    "examine",
    "full_transaction",
]
