"""Shortages on a worker's host (files, memory, network). The log says when each begins and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from synkron.model import Run
from synkron.runtime import SteadyClock, log

# Seconds. Another worker may deliver the runs that were put back. The shortage is then over when a run of the same type
# is called here at least this long after the shortage was last noticed.
QUIET = 60.0


@dataclass
class _OpenShortage:
    """A shortage: the runs and types that it affects, and the second at which it was last noticed."""

    at: float = 0.0
    runs: set[int] = field(default_factory=set)
    types: set[str] = field(default_factory=set)


class Shortages:
    """The shortages of one worker's host, each identified by its text."""

    def __init__(self, clock: SteadyClock) -> None:
        self._clock = clock
        self._open: dict[str, _OpenShortage] = {}

    def note(self, what: str, run: Run) -> None:
        """Note that the run could not be sent because of this shortage."""
        if what not in self._open:
            log.warning("short on this host", what=what, run_id=run.id, consequence="runs that need it are put back")
            self._open[what] = _OpenShortage()
        one = self._open[what]
        one.at = self._clock()
        one.runs.add(run.id)
        one.types.add(run.integration_type)

    def called(self, run: Run) -> None:
        """Note that the run was sent. A shortage is over when none of its runs waits any more."""
        for what, one in list(self._open.items()):
            one.runs.discard(run.id)
            is_quiet = run.integration_type in one.types and self._clock() - one.at > QUIET
            if not one.runs or is_quiet:
                log.info("no longer short on this host", what=what)
                del self._open[what]
