"""Whether a run's state agrees with its attempts."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from synkron.model import State
from synkron.reports.verify.evidence import FindingKind, RecordedDecision
from synkron.text import several

# The difference of two times that one statement writes from two readings of the clock.
SAME = timedelta(minutes=1)
OPEN = "open"
GOOD = "succeeded"
# After these the run has ended for good, unless an operator retries it.
LAST = frozenset({"final", "cancelled"})
# The possible outcomes of the newest attempt, by the run's state.
ENDS = {
    # A run whose worker was lost is claimed again if it follows its row.
    State.CLAIMED: {"retryable", "handed_back", "lost"},
    State.RUNNING: {OPEN},
    State.SUCCEEDED: {GOOD},
    State.FAILED: {"retryable", "final", "lost", "cancelled"},
    State.SKIPPED: {"retryable", "handed_back", "lost"},
}
# The states in which a retry by an operator leaves the attempts as they ended.
REOPENED = {State.CLAIMED, State.SKIPPED}


def against_attempts(one: RecordedDecision) -> tuple[FindingKind, str] | None:
    """What is wrong with the run according to its attempts, or with the attempts."""
    judged = _judged(one.state, one.attempt, one.last_attempt, one.outcomes, one.retries > 0)
    if judged is None and one.attempted_from is not None and (message := _times(one)):
        return FindingKind.UNEXPLAINED, message
    return judged


@lru_cache(maxsize=4096)
def _judged(state: str, attempt: int, last: int, outcomes: str, was_retried: bool) -> tuple[FindingKind, str] | None:
    """The finding, if any. Millions of runs share a few combinations of these arguments."""
    made = outcomes.split()
    successes = made.count(GOOD)
    if successes > 1:
        return FindingKind.DOUBLED, f"{successes} of its attempts succeeded"
    if not attempt == last == len(made):
        counts, has = several(attempt, "attempt"), several(len(made), "attempt")
        return FindingKind.UNEXPLAINED, f"it counts {counts}, but the ledger has {has}"
    if not made:
        message = None if state in (State.CLAIMED, State.SKIPPED) else f"recorded as {state} without any attempt"
    elif made[-1] not in ENDS[State(state)] and not (
        was_retried and state in REOPENED and made[-1] in ENDS[State.FAILED]
    ):
        message = f"recorded as {state}, but its last attempt as {made[-1]}"
    else:
        message = _followed(made[:-1], was_retried=was_retried)
    return None if message is None else (FindingKind.UNEXPLAINED, message)


def _followed(earlier: list[str], *, was_retried: bool) -> str | None:
    """What is wrong with an attempt that was not the last one."""
    for number, outcome in enumerate(earlier, 1):
        if outcome in (GOOD, OPEN) or (outcome in LAST and not was_retried):
            return f"another attempt followed attempt {number}, which is recorded as {outcome}"
    return None


def _times(one: RecordedDecision) -> str | None:
    first, last = one.attempted_from, one.attempted_to
    assert first is not None  # noqa: S101 (the caller looked)
    if one.runs_back or (last is not None and last < first):
        return "an attempt ended before it began"
    if first < one.claimed_at:
        return "it was attempted before it was claimed"
    if one.started_at is None or abs(one.started_at - first) > SAME:
        return "it did not start when its first attempt did"
    if one.state in (State.SUCCEEDED, State.FAILED):
        if one.finished_at is None or last is None or abs(one.finished_at - last) > SAME:
            return "it did not end when its last attempt did"
    elif one.finished_at is not None and last is not None and one.finished_at < last:
        return "it ended before its last attempt did"
    return None
