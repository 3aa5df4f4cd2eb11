"""Whether a target needs a warm-up, and how warm it was when a run called it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from datetime import datetime, timedelta

from synkron.delivery.recordable import DONE
from synkron.model import CallTiming, Outcome, Warmth
from synkron.settings.policy import needs_warm_up

KEPT = 200
# Fewer answers do not show what is usual.
ENOUGH = 20
# A cold start that is recognized by time takes at least this many times the usual, and at least this much longer.
TIMES = 3
NOTABLE = timedelta(milliseconds=500)


def warmth_by_header(duration: timedelta, uptime: timedelta | None) -> Warmth | None:
    """Cold if the target booted after the request was sent: then its uptime is no longer than the answer took."""
    if uptime is None:
        return None
    return Warmth.COLD if uptime <= duration else Warmth.WARM


# requirement R16.3
def warmth_of(
    duration: timedelta, uptime: timedelta | None, recent: Collection[timedelta], *, was_idle: bool
) -> CallTiming:
    """How warm the target was, judged by its own header, else by the ``duration`` of its answer.

    Time can show only a cold start: the target was idle for long enough to go cold, and its answer took much longer
    than the ``recent`` warm ones. The cost of a cold start is the time beyond the usual; without recent answers,
    it is the whole duration.
    """
    warmth = warmth_by_header(duration, uptime)
    if warmth is Warmth.WARM:
        return CallTiming(duration, warmth, "header")
    if warmth is Warmth.COLD:
        usual = median(recent) if recent else timedelta()
        return CallTiming(duration, warmth, "header", max(duration - usual, timedelta()))
    if was_idle and len(recent) >= ENOUGH:
        usual = median(recent)
        if duration > TIMES * usual and duration >= usual + NOTABLE:
            return CallTiming(duration, Warmth.COLD, "time", duration - usual)
    return CallTiming(duration)


def median(durations: Collection[timedelta]) -> timedelta:
    """The middle duration; of two in the middle, the longer one."""
    return sorted(durations)[len(durations) // 2]


class KnownWarmth:
    """What is known about a type's target: when it was last called, and how long its recent warm answers took."""

    def __init__(self, keep_warm: timedelta) -> None:
        self.met_at: datetime | None = None
        self._keep_warm = keep_warm
        self._recent: deque[timedelta] = deque(maxlen=KEPT)

    def note_call(self, met_at: datetime) -> None:
        """Note that somebody called it at that time."""
        if self.met_at is None or met_at > self.met_at:
            self.met_at = met_at

    def record(
        self, outcome: Outcome, duration: timedelta, *, began_at: datetime, met_before: datetime | None
    ) -> CallTiming:
        """The timing of a call that began at ``began_at``; ``met_before`` is when the target had last been called.

        Without an answer, nothing is known about the target. A failed attempt counts as a call, but its duration does
        not show what is usual.
        """
        if outcome.http_status is None:
            return CallTiming(duration)
        is_done = outcome.kind in DONE
        was_idle = met_before is not None and needs_warm_up(met_before, began_at, self._keep_warm)
        timing = warmth_of(duration, outcome.uptime, self._recent, was_idle=was_idle and is_done)
        was_met = met_before is not None and not was_idle
        if is_done and (timing.warmth is Warmth.WARM or (timing.warmth is None and was_met)):
            self._recent.append(duration)
        self.note_call(began_at + duration)
        return timing
