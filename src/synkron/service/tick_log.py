"""The lines that a process logs about its ticks."""

from __future__ import annotations

from synkron.model import InvalidIntegration
from synkron.runtime import log
from synkron.scheduler.tick import Tick
from synkron.source.reader import warn_invalid


class TickLog:
    """Logs each tick, and warns about each invalid row once for as long as the ticks find it."""

    def __init__(self) -> None:
        self._warned: frozenset[InvalidIntegration] = frozenset()

    def write(self, done: Tick) -> None:
        """Log this tick."""
        invalid = frozenset(done.invalid)
        for row in invalid - self._warned:
            warn_invalid(row)
        self._warned = invalid
        write = log.info if done.claimed or done.skipped else log.debug
        write(
            "tick",
            at=done.at.isoformat(),
            due=done.due,
            claimed=done.claimed,
            skipped=done.skipped,
            invalid=len(invalid),
        )
