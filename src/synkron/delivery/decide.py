"""What becomes of a claimed run: whether it is delivered now, and what follows its attempt. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.backoff import apart, doubled
from synkron.model import Integration, InvalidIntegration, Outcome, OutcomeKind, Run, Source, State
from synkron.scheduler.decide import HOUR
from synkron.settings.policy import CatchUp, Overlap, Policy
from synkron.source.due import occurrences_of, window_around
from synkron.source.oddity import ODDITIES
from synkron.vendors.health import DOWN, Health

LONGEST_BACKOFF = HOUR
# The waits of a run that could not be sent because this host lacked a resource: doubled from the first to the longest.
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
MOST_PUT_BACK = 300
# A run that lost its worker this often is assumed to be the cause.
MOST_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker knows before it starts a run.

    ``at`` is the database's clock. ``live`` is the integration's present row, None if it was deleted. ``by_hand`` says
    that an operator asked for the run or for its retry; ``as_claimed``, that the texts of the row's schedule and zone
    are the same as when the run was claimed; ``is_accepted``, that its target has accepted it and will report the
    outcome. ``behind`` is the moment of the newest older run of the integration that has not finished; ``pause`` says
    why the integration may not run now; both are None if there is none. ``deferred_at`` is when the run first waited
    for its vendor to recover.
    """

    run: Run
    state: State
    at: datetime
    live: Integration | None
    policy: Policy
    by_hand: bool
    as_claimed: bool
    is_accepted: bool
    behind: datetime | None
    pause: str | None
    deferred_at: datetime | None = None

    @property
    def followed(self) -> Integration | None:
        """The row, if its type or organization differs from the run's. The run then follows it."""
        run, live = self.run, self.live
        if live is None or (live.integration_type, live.org_id) == (run.integration_type, run.org_id):
            return None
        return live

    @property
    def is_suspect(self) -> bool:
        """Whether the run has lost so many workers that this would be its last attempt."""
        lost_now = 1 if self.state is State.RUNNING else 0
        return self.run.crashes + lost_now >= MOST_CRASHES - 1


def no_longer_called_for(turn: Turn, types: Collection[str]) -> str | None:
    """Why the integration's present row no longer calls for the run; None if it does.

    A run that an operator asked for does not depend on the schedule. If the row's texts are the same as when the run
    was claimed, they call for its moment: the claiming host may have other rules for the zone (tzdata) than this one.
    While the organization is missing, the zone is not known. A row with another type or organization is followed.
    """
    live = turn.live
    if live is None:
        return "superseded: the integration was deleted"
    if not live.is_enabled:
        return "superseded: the integration was disabled"
    if turn.by_hand:
        return None
    if live.cron_schedule is None:
        return "superseded: the integration now has no schedule"
    if (turn.as_claimed and live.has_own_id) or not live.organization_exists:
        return None
    judged = occurrences_of(live, window_around(turn.run.scheduled_for), types)
    due = judged.due if isinstance(judged, InvalidIntegration) else judged
    if due is None:
        return "superseded: the integration can't run, because its row is invalid"
    if turn.run.scheduled_for not in due.moments:
        return f'superseded: the schedule is now "{live.cron_schedule}", which does not fire at this moment'
    return None


def reason_to_wait(turn: Turn, types: Collection[str]) -> str | None:
    """Why a run must wait until its row is corrected or this host has a target for it; None if it need not.

    ``types`` are those that have a target here.
    """
    if turn.live is not None and not turn.live.organization_exists:
        return f"there is no organization {turn.live.org_id}"
    if turn.followed is not None and turn.followed.oddity is not None:
        return f"its row was changed, and {ODDITIES[turn.followed.oddity]}"
    if turn.followed is not None and turn.followed.integration_type not in types:
        return f"its row's type was changed to {turn.followed.integration_type}, which has no target here"
    return None


def reason_to_skip(turn: Turn) -> str | None:
    """Why the run's policy forbids its delivery; None if it does not."""
    if turn.pause and turn.policy.catch_up is CatchUp.SKIP and not turn.by_hand:
        return f"{turn.pause}, and catch-up is skip"
    is_first = turn.run.attempt == 0 and turn.run.source is Source.SCHEDULE and not turn.by_hand
    if turn.behind and turn.policy.overlap is Overlap.SKIP and is_first:
        return f"overlap: the run of {turn.behind:%Y-%m-%dT%H:%MZ} has not finished, and overlap is skip"
    return None


def reason_to_defer(turn: Turn, health: Health, hold: timedelta) -> str | None:
    """Why the run waits for its vendor, at most for ``hold``, instead of using up an attempt; None if it may start.

    A run that an operator asked for is not held.
    """
    if turn.by_hand or health.verdict not in DOWN:
        return None
    if turn.deferred_at is not None and turn.at >= turn.deferred_at + hold:
        return None
    return f"{turn.run.integration_type} is {health.verdict} since {health.since:%Y-%m-%dT%H:%MZ}: {health.reason}"


def given_up(run: Run, policy: Policy) -> str | None:
    """Why a run gets no further attempt: too many failed or lost their worker. None if it gets one."""
    if run.crashes >= MOST_CRASHES:
        return f"given up: it lost its worker {run.crashes} times"
    if run.failures >= policy.attempts:
        return f"given up: {run.failures} attempts failed or lost their worker"
    return None


def after_attempt(run: Run, outcome: Outcome, policy: Policy) -> tuple[State, timedelta]:
    """The run's next state, and the wait before its next attempt (zero if there is none)."""
    if outcome.kind is OutcomeKind.SUCCEEDED:
        return State.SUCCEEDED, timedelta()
    if outcome.kind is OutcomeKind.FINAL or run.failures + 1 >= policy.attempts:
        return State.FAILED, timedelta()
    # Doubled up to an hour, plus up to a tenth, which is always the same for a run and attempt.
    backoff = apart(doubled(policy.backoff, run.failures, LONGEST_BACKOFF), f"{run.key}/{run.failures}")
    return State.CLAIMED, max(backoff, outcome.retry_after or timedelta())


def after_shortage(run: Run) -> timedelta | None:
    """The wait before a retry of a run that could not be sent because this host lacked a resource.

    None if it was put back for about a day: then it counts as a failed attempt, so that no run waits for ever.
    """
    put_back = max(run.attempt - 1 - run.failures, 0)
    if put_back >= MOST_PUT_BACK:
        return None
    return apart(doubled(FIRST_WAIT, put_back, LONGEST_WAIT), f"{run.key}/put back/{put_back}")
