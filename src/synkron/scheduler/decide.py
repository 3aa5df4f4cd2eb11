"""Decides what happens to each occurrence: it runs, is merged, skipped or expired. Pure: values in, values out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from synkron.model import Action, Decision, Occurrences, Source, Window
from synkron.scheduler.pauses import Hold
from synkron.scheduler.spread import spread_over
from synkron.settings.policy import CatchUp, Policies, Policy
from synkron.source.due import TOLERANCE
from synkron.text import duration_text

HOUR = timedelta(hours=1)
HEAD_START = timedelta(seconds=30)
# An integration with more expired moments than this gets a single row for them: nobody reads a thousand equal rows.
EXPIRED_ONE_BY_ONE = 1000
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
        reason = f"missed longer ago than the catch-up window of {duration_text(policy.catch_up_window)}"
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
