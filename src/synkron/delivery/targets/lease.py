"""What holds for one call of a target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.runtime import SteadyClock


@dataclass(frozen=True, slots=True)
class Lease:
    """For how long a run that was started is surely not another worker's: until ``clock`` shows ``ends``."""

    ends: float
    clock: SteadyClock

    def has_ended(self) -> bool:
        """Whether the run may be another worker's by now."""
        return self.clock() >= self.ends


@dataclass(frozen=True, slots=True)
class Terms:
    """``at`` is the database's clock, ``timeout`` bounds the call; what the ``lease`` has outrun is not sent."""

    at: datetime
    timeout: timedelta
    lease: Lease
