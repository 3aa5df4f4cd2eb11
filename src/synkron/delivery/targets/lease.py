"""The terms of one call of a target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.runtime import SteadyClock


@dataclass(frozen=True, slots=True)
class Lease:
    """Until ``clock`` shows ``ends``, no other worker can take over a run that was started."""

    ends: float
    clock: SteadyClock

    def has_ended(self) -> bool:
        """Whether another worker may have taken over the run."""
        return self.clock() >= self.ends


@dataclass(frozen=True, slots=True)
class Terms:
    """``at`` is the database's clock; ``timeout`` limits the call; after the end of the ``lease`` nothing is sent."""

    at: datetime
    timeout: timedelta
    lease: Lease
