"""What becomes of each occurrence, and of a run whose attempt failed. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby

from synkron.model import (
    Action,
    CatchUp,
    Decision,
    Integration,
    Occurrence,
    Outcome,
    OutcomeKind,
    Policy,
    Run,
    Source,
    State,
    Window,
)

HEAD_START = timedelta(seconds=30)
TOLERANCE = timedelta(seconds=30)
LONGEST_BACKOFF = timedelta(hours=1)


def window_of(watermark: datetime, now: datetime) -> Window:
    """What a tick at ``now`` has to decide: from the watermark to half a minute ahead.

    It never starts later than half a minute ago, so that a row edited a moment ago still counts; what was decided
    before is in the ledger already.
    """
    return Window(min(watermark, now - TOLERANCE), now + HEAD_START)


def decide(occurrences: Iterable[Occurrence], now: datetime, policies: Mapping[str, Policy]) -> list[Decision]:
    """Exactly one decision for every occurrence, or for every span of expired ones, oldest first by integration."""
    by_integration = sorted(occurrences, key=lambda one: (one.integration.integration_id, one.scheduled_for))
    decisions: list[Decision] = []
    for _, group in groupby(by_integration, key=lambda one: one.integration.integration_id):
        of_one = list(group)
        decisions += _decide_one(of_one, now, policies[of_one[0].integration.integration_type])
    return decisions


def replay(occurrences: Iterable[Occurrence]) -> list[Decision]:
    """A run for every occurrence of a moment that somebody asks for again; what was decided then stays as it is."""
    reason = "replayed: a tick was asked for this moment"
    return [Decision(one, Action.RUN, Source.CATCH_UP, reason, one.period_start) for one in occurrences]


def after_attempt(run: Run, outcome: Outcome, policy: Policy) -> tuple[State, timedelta]:
    """The run's next state, and the wait before its next attempt (zero when there is none)."""
    if outcome.kind is OutcomeKind.SUCCEEDED:
        return State.SUCCEEDED, timedelta()
    if outcome.kind is OutcomeKind.FINAL or run.failures + 1 >= policy.attempts:
        return State.FAILED, timedelta()
    return State.CLAIMED, max(_backoff(run, policy), outcome.retry_after or timedelta())


def superseded(run: Run, live: Integration | None, moments: Iterable[datetime] | None) -> str | None:
    """Why a claimed run must not be delivered any more, by its integration's row as it stands now; None if it may.

    ``moments`` are those at which the row fires now, around the run's own; None when the row is invalid.
    """
    if live is None:
        return "superseded: the integration was deleted"
    if not live.is_enabled:
        return "superseded: the integration was disabled"
    if live.cron_schedule is None:
        return "superseded: the integration has no schedule any more"
    if live.integration_type != run.integration_type:
        return f"superseded: the integration's type is now {live.integration_type}"
    if live.org_id != run.org_id:
        return f"superseded: the integration belongs to organization {live.org_id} now"
    if moments is None:
        return "superseded: the integration can't be fired any more as its row is invalid"
    if run.scheduled_for not in moments:
        return f'superseded: the schedule is now "{live.cron_schedule}", which does not fire at this moment'
    return None


def _decide_one(occurrences: list[Occurrence], now: datetime, policy: Policy) -> list[Decision]:
    expired, missed, on_time = _by_lateness(occurrences, now, policy)
    return [*_expire(expired, policy), *_catch_up(missed, policy), *(_on_time(one) for one in on_time)]


def _by_lateness(
    occurrences: list[Occurrence], now: datetime, policy: Policy
) -> tuple[list[Occurrence], list[Occurrence], list[Occurrence]]:
    oldest = now - policy.catch_up_window
    late = [one for one in occurrences if one.scheduled_for < now - TOLERANCE]
    return (
        [one for one in late if one.scheduled_for < oldest],
        [one for one in late if one.scheduled_for >= oldest],
        occurrences[len(late) :],
    )


def _on_time(occurrence: Occurrence) -> Decision:
    return Decision(occurrence, Action.RUN, Source.SCHEDULE, "on time", occurrence.period_start)


def _catch_up(missed: list[Occurrence], policy: Policy) -> list[Decision]:
    if not missed:
        return []
    if policy.catch_up is CatchUp.SKIP:
        reason = "missed: no scheduler ticked in time, and catch-up is skip"
        return [Decision(one, Action.SKIP, Source.CATCH_UP, reason, one.period_start) for one in missed]
    *earlier, latest = missed
    into = f"missed: merged into the run of {latest.scheduled_for:%Y-%m-%dT%H:%MZ}"
    count = f"{len(missed)} occurrences" if earlier else "one occurrence"
    return [
        *(Decision(one, Action.MERGE, Source.CATCH_UP, into, one.period_start) for one in earlier),
        Decision(
            latest,
            Action.RUN,
            Source.CATCH_UP,
            f"missed: no scheduler ticked in time; stands for {count}",
            missed[0].period_start,
        ),
    ]


def _expire(expired: list[Occurrence], policy: Policy) -> list[Decision]:
    if not expired:
        return []
    reason = f"missed longer ago than the catch-up window of {policy.catch_up_window}"
    return [
        Decision(expired[-1], Action.EXPIRE, Source.CATCH_UP, reason, expired[0].period_start, occurrences=len(expired))
    ]


def _backoff(run: Run, policy: Policy) -> timedelta:
    """Doubling from the policy's, up to an hour, plus up to a tenth, the same for the same run and attempt."""
    doubled = policy.backoff * (1 << min(run.failures, 16))
    wait = min(doubled, max(LONGEST_BACKOFF, policy.backoff))
    share = int.from_bytes(sha256(f"{run.key}/{run.failures}".encode()).digest()[:4], "big") / 2**32
    return wait * (1 + share / 10)
