"""Whether a target needs a warm-up, and how warm a run met it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from datetime import datetime, timedelta

from synkron.model import Meeting, Outcome, OutcomeKind, Warmth

KEPT = 200
# From fewer answers one can't tell what is usual.
ENOUGH = 20
# What a cold start takes longer, at least, where it is told by time: many times the usual, and notable as such.
TIMES = 3
NOTABLE = timedelta(milliseconds=500)
DONE = (OutcomeKind.SUCCEEDED, OutcomeKind.ACCEPTED)


# requirement R16.2
def needs_warm_up(met_at: datetime | None, moment: datetime, keep_warm: timedelta) -> bool:
    """Whether a target that was met last at ``met_at`` will be cold at the moment."""
    return met_at is None or met_at + keep_warm < moment


def warmth_by_header(duration: timedelta, uptime: timedelta | None) -> Warmth | None:
    """Cold if the target booted after the request was sent, so was up for no longer than the answer took."""
    if uptime is None:
        return None
    return Warmth.COLD if uptime <= duration else Warmth.WARM


# requirement R16.3
def warmth_of(
    duration: timedelta, uptime: timedelta | None, recent: Collection[timedelta], *, was_idle: bool
) -> Meeting:
    """How warm the target was that took ``duration``, by what it says itself, else by what is usual.

    By time only a cold start can be told: of a target that was idle for long enough to have gone cold, and took far
    longer than the ``recent`` warm answers did. A cold start costs what it took longer than they; where there are none,
    all that it took, as then nobody knows better.
    """
    if warmth := warmth_by_header(duration, uptime):
        return Meeting(duration, warmth, "header", _cost(duration, recent) if warmth is Warmth.COLD else None)
    if was_idle and len(recent) >= ENOUGH:
        usual = median(recent)
        if duration > TIMES * usual and duration >= usual + NOTABLE:
            return Meeting(duration, Warmth.COLD, "time", duration - usual)
    return Meeting(duration)


def median(durations: Collection[timedelta]) -> timedelta:
    """The middle one of them; of the two in the middle, the longer."""
    return sorted(durations)[len(durations) // 2]


def _cost(duration: timedelta, recent: Collection[timedelta]) -> timedelta:
    return max(duration - median(recent), timedelta()) if recent else duration


class Acquaintance:
    """What is known of a type's target: when it was met last, and how long its last warm answers took."""

    def __init__(self, keep_warm: timedelta) -> None:
        self.met_at: datetime | None = None
        self._keep_warm = keep_warm
        self._recent: deque[timedelta] = deque(maxlen=KEPT)

    def hear(self, met_at: datetime) -> None:
        """It was met then, by whomever."""
        if self.met_at is None or met_at > self.met_at:
            self.met_at = met_at

    def meet(
        self, outcome: Outcome, duration: timedelta, *, began_at: datetime, met_before: datetime | None
    ) -> Meeting:
        """How a run met it that began at ``began_at``, when ``met_at`` was ``met_before``.

        Without an answer from the far side nothing is known of it. An attempt that failed counts as a meeting, but the
        time that it took says nothing of what is usual.
        """
        if outcome.http_status is None:
            return Meeting(duration)
        is_done = outcome.kind in DONE
        was_idle = met_before is not None and needs_warm_up(met_before, began_at, self._keep_warm)
        meeting = warmth_of(duration, outcome.uptime, self._recent, was_idle=was_idle and is_done)
        was_met = met_before is not None and not was_idle
        if is_done and (meeting.warmth is Warmth.WARM or (meeting.warmth is None and was_met)):
            self._recent.append(duration)
        self.hear(began_at + duration)
        return meeting
