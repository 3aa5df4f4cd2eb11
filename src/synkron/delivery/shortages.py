"""What is short on a worker's host: told when it begins, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from synkron.log import log
from synkron.model import Run
from synkron.runtime import SteadyClock

# Seconds. Runs that were put back may be delivered by another worker: then it is over when so long after it was noticed
# last a run of its type is called here.
QUIET = 60.0


@dataclass
class _Open:
    """What is short for these runs, and was noticed last at that second."""

    at: float = 0.0
    runs: set[int] = field(default_factory=set)
    types: set[str] = field(default_factory=set)


class Shortages:
    """The shortages of one worker's host, each by what its text says."""

    def __init__(self, clock: SteadyClock) -> None:
        self._clock = clock
        self._open: dict[str, _Open] = {}

    def note(self, what: str, run: Run) -> None:
        """The run could not be sent for it."""
        if what not in self._open:
            log.warning("short on this host", what=what, run_id=run.id, consequence="runs that need it are put back")
            self._open[what] = _Open()
        one = self._open[what]
        one.at = self._clock()
        one.runs.add(run.id)
        one.types.add(run.integration_type)

    def called(self, run: Run) -> None:
        """The run was sent, so that what kept it back is there again: for all, when none waits any more."""
        for what, one in list(self._open.items()):
            one.runs.discard(run.id)
            is_quiet = run.integration_type in one.types and self._clock() - one.at > QUIET
            if not one.runs or is_quiet:
                log.info("no longer short on this host", what=what)
                del self._open[what]
