"""A run and everything that decides whether it may start, as it is when the run's turn comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.errors import ServiceRoleRequired
from synkron.ledger.claims import run_of
from synkron.model import CatchUp, Integration, InvalidIntegration, Overlap, Policy, Run, Source, State
from synkron.postgres.connection import Executor
from synkron.scheduler.decide import MOST_CRASHES, superseded
from synkron.scheduler.policies import overridden
from synkron.settings.load import Settings
from synkron.source.due import judge
from synkron.source.oddity import ODDITIES
from synkron.source.queries import ROWS_HIDDEN, SourceQueries
from synkron.source.reader import integration_of, window_around
from synkron.vendors.health import DOWN, Health


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


async def read_turns(
    connection: Executor, source: SourceQueries, run_ids: Sequence[int], settings: Settings
) -> list[Turn | None]:
    """The runs and everything that decides about them, in one statement, in their order; None for an unknown run.

    Raises ServiceRoleRequired (G8).
    """
    # Two jobs of one run may come together, but a run that is returned twice means that two rows have its id.
    rows = await source.fetch(connection, source.sql("delivery/turn")["turn"], list(dict.fromkeys(run_ids)))
    if any(row["hidden"] for row in rows):
        raise ServiceRoleRequired(ROWS_HIDDEN)
    policies = settings.policies
    turns = {row["id"]: _turn(row, policies) for row in rows if row["id"] is not None}
    return [turns.get(run_id) for run_id in run_ids]


def _turn(row: Record, policies: Mapping[str, Policy]) -> Turn:
    run, state = run_of(row), State(row["state"])
    # If the run has followed its row, an old job may come to a worker that does not know the new type; it does nothing.
    policy = policies.get(run.integration_type, Policy())
    return Turn(
        run=run,
        state=state,
        at=row["at"],
        live=integration_of(row, "live_") if row["live"] else None,
        policy=overridden(policy, row, "override_") if row["has_override"] else policy,
        by_hand=run.source in (Source.MANUAL, Source.BACKFILL) or row["retries"] > 0,
        as_claimed=row["as_claimed"],
        is_accepted=state is State.RUNNING and row["completes_by"] is not None,
        behind=row["behind"],
        pause=_pause(row["pause_reason"], row["pause_author"], row["pause_until"]) if row["pause_id"] else None,
        deferred_at=row["deferred_at"],
    )


def no_longer_called_for(turn: Turn, settings: Settings) -> str | None:
    """Why the integration's present row no longer calls for the run; None if it does.

    If the row's texts are the same as when the run was claimed, they call for its moment: the claiming host may have
    other rules for the zone (tzdata) than this host. While the organization is missing, the zone is not known.
    """
    live = turn.live
    if live is None or turn.by_hand or (turn.as_claimed and live.has_own_id) or not live.organization_exists:
        return superseded(turn.run, live, [turn.run.scheduled_for], by_hand=turn.by_hand)
    judged = judge(live, window_around(turn.run.scheduled_for), settings.types)
    due = judged.due if isinstance(judged, InvalidIntegration) else judged
    return superseded(turn.run, live, None if due is None else due.moments)


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


def _pause(reason: str, author: str, until: datetime | None) -> str:
    end = f"until {until:%Y-%m-%dT%H:%MZ}" if until else "until it is resumed"
    return f"paused by {author} {end}: {reason}"
