"""Decides what happens to each occurrence, and to a run whose attempt failed. Pure: values in, values out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from synkron.backoff import apart, doubled
from synkron.model import (
    Action,
    CatchUp,
    Decision,
    Hold,
    Integration,
    Occurrences,
    Outcome,
    OutcomeKind,
    Policies,
    Policy,
    Run,
    Source,
    State,
    Window,
)
from synkron.scheduler.spread import spread_over

HOUR = timedelta(hours=1)
HEAD_START = timedelta(seconds=30)
TOLERANCE = timedelta(seconds=30)
LONGEST_BACKOFF = HOUR
# The waits of a run that could not be sent because this host lacked a resource: doubled from the first to the longest.
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
MOST_PUT_BACK = 300
# An integration with more expired moments than this gets a single row for them: nobody reads a thousand equal rows.
EXPIRED_ONE_BY_ONE = 1000
# A run that lost its worker this often is assumed to be the cause.
MOST_CRASHES = 3
NOBODY: Mapping[str, Hold] = MappingProxyType({})


def window_of(watermark: datetime, now: datetime, copied_at: datetime | None = None) -> Window:
    """What a tick at ``now`` has to decide: from the watermark to half a minute ahead.

    It never starts later than half a minute ago, so that a recent edit of a row still counts; the ledger already has
    the earlier decisions. It never starts before a copy was adopted: the other ledger decides that time.
    """
    start = min(watermark, now - TOLERANCE)
    return Window(start if copied_at is None else max(start, copied_at), now + HEAD_START)


# requirement R17.3
def decide(
    due: Iterable[Occurrences],
    now: datetime,
    policies: Policies,
    *,
    released: Mapping[str, Hold] = NOBODY,
    restored_until: datetime | None = None,
) -> list[Decision]:
    """Exactly one decision for every moment. Those of an integration are together, the oldest first.

    ``released`` has the integrations that were on hold, by id, with the reason: it is the cause of what they missed. A
    ledger that was restored from a dump missed everything up to ``restored_until``. These moments run one by one,
    whatever the policy: targets recognize the keys of runs delivered since the dump, which had the same periods.
    """
    decisions: list[Decision] = []
    for one in due:
        held = released.get(one.integration.integration_id)
        cause = "no scheduler ticked in time" if held is None else held.cause
        decisions += _decide_one(one, now, policies.of(one.integration), cause, restored_until)
    return decisions


def replay(due: Iterable[Occurrences], now: datetime) -> list[Decision]:
    """A run for every occurrence of a moment that is replayed; earlier decisions about it stay."""
    reason = "replayed: a tick was asked for this moment"
    return [
        _run(one, moment, Source.CATCH_UP, reason, start, now)
        for one in due
        for moment, start in zip(one.moments, one.starts(), strict=True)
    ]


def after_attempt(run: Run, outcome: Outcome, policy: Policy) -> tuple[State, timedelta]:
    """The run's next state, and the wait before its next attempt (zero if there is none)."""
    if outcome.kind is OutcomeKind.SUCCEEDED:
        return State.SUCCEEDED, timedelta()
    if outcome.kind is OutcomeKind.FINAL or run.failures + 1 >= policy.attempts:
        return State.FAILED, timedelta()
    return State.CLAIMED, max(_backoff(run, policy), outcome.retry_after or timedelta())


def after_shortage(run: Run) -> timedelta | None:
    """The wait before a retry of a run that could not be sent because this host lacked a resource.

    None if it was put back for about a day: then it counts as a failed attempt, so that no run waits for ever.
    """
    put_back = max(run.attempt - 1 - run.failures, 0)
    if put_back >= MOST_PUT_BACK:
        return None
    return apart(doubled(FIRST_WAIT, put_back, LONGEST_WAIT), f"{run.key}/put back/{put_back}")


def given_up(run: Run, policy: Policy) -> str | None:
    """Why a run gets no further attempt: too many failed or lost their worker. None if it gets one."""
    if run.crashes >= MOST_CRASHES:
        return f"given up: it lost its worker {run.crashes} times"
    if run.failures >= policy.attempts:
        return f"given up: {run.failures} attempts failed or lost their worker"
    return None


def superseded(
    run: Run, live: Integration | None, moments: Sequence[datetime] | None, *, by_hand: bool = False
) -> str | None:
    """Why a claimed run must no longer be delivered, according to its integration's current row; None if it may be.

    ``moments`` are the moments around the run's own at which the row fires now; None if the row is invalid. A run that
    an operator asked for (``by_hand``) does not depend on the schedule. Another type or organization is no reason: the
    run follows its row (``moved``).
    """
    if live is None:
        return "superseded: the integration was deleted"
    if not live.is_enabled:
        return "superseded: the integration was disabled"
    if by_hand:
        return None
    if live.cron_schedule is None:
        return "superseded: the integration now has no schedule"
    if moments is None:
        return "superseded: the integration can't run, because its row is invalid"
    if run.scheduled_for not in moments:
        return f'superseded: the schedule is now "{live.cron_schedule}", which does not fire at this moment'
    return None


def moved(was_type: str, is_type: str, was_of: str, is_of: str) -> str:
    """What is added to the reason of a run that followed its row to another type or organization."""
    kind = f"; its row's type was changed from {was_type} to {is_type}" if was_type != is_type else ""
    organization = f"; its row was moved from organization {was_of} to {is_of}" if was_of != is_of else ""
    return kind + organization


def _decide_one(
    one: Occurrences, now: datetime, policy: Policy, cause: str, restored_until: datetime | None
) -> Iterator[Decision]:
    """The moments in order of time: restored, expired, from before the row's last edit, missed, on time."""
    late = bisect_left(one.moments, now - TOLERANCE)
    restored = 0 if restored_until is None else bisect_right(one.moments, restored_until, 0, late)
    expired = bisect_left(one.moments, now - policy.catch_up_window, restored, late)
    if policy.catch_up_newest:
        expired = max(restored, min(expired, late - 1))
    edited = expired
    if one.integration.updated_at is not None:
        edited = bisect_left(one.moments, one.integration.updated_at, expired, late)
    yield from _restored(one, restored, now)
    yield from _expire(one, restored, expired, policy)
    yield from _foreign(one, expired, edited)
    yield from _catch_up(one, edited, late, now, policy, cause)
    yield from _on_time(one, late, policy)


def _restored(one: Occurrences, end: int, now: datetime) -> Iterator[Decision]:
    reason = "missed: the ledger was restored from an earlier dump; each moment runs separately"
    for index in range(end):
        yield _run(one, one.moments[index], Source.CATCH_UP, reason, _start_of(one, index), now)


def _expire(one: Occurrences, start: int, end: int, policy: Policy) -> Iterator[Decision]:
    if start < end:
        reason = f"missed longer ago than the catch-up window of {policy.catch_up_window / HOUR:g} h"
        yield Decision(
            one.integration,
            Action.EXPIRE,
            Source.CATCH_UP,
            reason,
            one.moments[start:end],
            _start_of(one, start),
            in_summary=end - start > EXPIRED_ONE_BY_ONE,
        )


def _foreign(one: Occurrences, start: int, end: int) -> Iterator[Decision]:
    if start < end:
        reason = (
            f"missed: the row was edited at {one.integration.updated_at:%Y-%m-%dT%H:%MZ}, "
            "and its schedule before that is not known"
        )
        yield Decision(
            one.integration, Action.SKIP, Source.CATCH_UP, reason, one.moments[start:end], _start_of(one, start)
        )


def _catch_up(one: Occurrences, start: int, end: int, now: datetime, policy: Policy, cause: str) -> Iterator[Decision]:
    if start == end:
        return
    missed = one.moments[start:end]
    period_start = _start_of(one, start)
    match policy.catch_up:
        case CatchUp.SKIP:
            reason = f"missed: {cause}, and catch-up is skip"
            yield Decision(one.integration, Action.SKIP, Source.CATCH_UP, reason, missed, period_start)
        case CatchUp.ALL:
            for index, moment in enumerate(missed, start):
                reason = f"missed: {cause}; catch-up is all"
                yield _run(one, moment, Source.CATCH_UP, reason, _start_of(one, index), now)
        case CatchUp.LATEST:
            *earlier, latest = missed
            if earlier:
                reason = f"missed: {cause}; merged into the run of {latest:%Y-%m-%dT%H:%MZ}"
                yield Decision(one.integration, Action.MERGE, Source.CATCH_UP, reason, earlier, period_start)
            count = f"{len(missed)} occurrences" if earlier else "one occurrence"
            reason = f"missed: {cause}; stands for {count}"
            yield _run(one, latest, Source.CATCH_UP, reason, period_start, now)


def _on_time(one: Occurrences, start: int, policy: Policy) -> Iterator[Decision]:
    for index in range(start, len(one.moments)):
        moment = one.moments[index]
        following = one.moments[index + 1] if index + 1 < len(one.moments) else one.following
        room = policy.spread if following is None else min(policy.spread, following - moment)
        execute_after = moment + spread_over(one.integration.integration_id, room)
        yield _run(one, moment, Source.SCHEDULE, "on time", _start_of(one, index), execute_after)


def _run(
    one: Occurrences,
    moment: datetime,
    source: Source,
    reason: str,
    period_start: datetime | None,
    execute_after: datetime,
) -> Decision:
    return Decision(
        one.integration, Action.RUN, source, reason, [moment], period_start, execute_after=max(moment, execute_after)
    )


def _start_of(one: Occurrences, index: int) -> datetime | None:
    return one.moments[index - 1] if index else one.period_start


def _backoff(run: Run, policy: Policy) -> timedelta:
    """The policy's backoff, doubled up to an hour, plus up to a tenth; always the same for a run and attempt."""
    return apart(doubled(policy.backoff, run.failures, LONGEST_BACKOFF), f"{run.key}/{run.failures}")
