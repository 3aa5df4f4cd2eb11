"""A run and all that bears on it, as it stands when the run's turn comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.database import ROWS_HIDDEN, Executor, speaking_of
from synkron.due import judge
from synkron.errors import ServiceRoleRequired
from synkron.health import DOWN, Health
from synkron.ledger import run_of
from synkron.model import CatchUp, Integration, InvalidIntegration, Overlap, Policy, Run, Source, State
from synkron.plan import MOST_CRASHES, superseded
from synkron.reader import window_around, with_id_type
from synkron.settings import Settings, SourceTables
from synkron.sql import source_statements
from synkron.standing import overridden


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker knows before it starts a run.

    ``at`` is the database's clock. ``live`` is the integration's row now, None when it was deleted. ``by_hand`` says
    that an operator asked for the run, or for another chance of it. ``is_accepted``: its target has it and will say
    what came of it. ``behind`` is the moment of the newest older run of the integration that has not finished, and
    ``pause`` says why nothing of it may run now; None where there is none. ``deferred_at`` is when the run first waited
    for its vendor to recover.
    """

    run: Run
    state: State
    at: datetime
    live: Integration | None
    policy: Policy
    by_hand: bool
    is_accepted: bool
    behind: datetime | None
    pause: str | None
    deferred_at: datetime | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether the run has lost so many workers that one more, now, would be its last."""
        lost_now = 1 if self.state is State.RUNNING else 0
        return self.run.crashes + lost_now >= MOST_CRASHES - 1


async def turn_statement(connection: Executor, source: SourceTables) -> str:
    """The statement for ``read_turns``, fitted to the type of the integrations' id."""
    async with speaking_of(source):
        return await with_id_type(connection, source_statements("turn", source)["turn"], source)


async def read_turns(
    connection: Executor, statement: str, run_ids: Sequence[int], settings: Settings
) -> list[Turn | None]:
    """The runs and what bears on them, in one statement, in their order; None where there is no such run.

    The runs' types must be among the settings'. Raises ServiceRoleRequired (G8).
    """
    async with speaking_of(settings.source):
        rows = await connection.fetch(statement, run_ids)
    if any(row["hidden"] for row in rows):
        raise ServiceRoleRequired(ROWS_HIDDEN)
    policies = settings.policies
    turns = {row["id"]: _turn(row, policies) for row in rows if row["id"] is not None}
    return [turns.get(run_id) for run_id in run_ids]


def _turn(row: Record, policies: Mapping[str, Policy]) -> Turn:
    run, state = run_of(row), State(row["state"])
    policy = policies[run.integration_type]
    return Turn(
        run=run,
        state=state,
        at=row["at"],
        live=_live(row) if row["live"] else None,
        policy=overridden(policy, row, "override_") if row["has_override"] else policy,
        by_hand=run.source in (Source.MANUAL, Source.BACKFILL) or row["retries"] > 0,
        is_accepted=state is State.RUNNING and row["completes_by"] is not None,
        behind=row["behind"],
        pause=_pause(row["pause_reason"], row["pause_author"], row["pause_until"]) if row["pause_id"] else None,
        deferred_at=row["deferred_at"],
    )


def _live(row: Record) -> Integration:
    return Integration(
        integration_id=row["live_integration_id"],
        org_id=row["live_org_id"],
        integration_type=row["live_integration_type"],
        is_enabled=row["live_is_enabled"],
        cron_schedule=row["live_cron_schedule"],
        organization_exists=row["live_organization_exists"],
        timezone=row["live_timezone"],
    )


def reason_to_skip(turn: Turn, settings: Settings) -> str | None:
    """Why the run must not be delivered any more, as things stand now; None if it may."""
    if reason := _superseded(turn, settings):
        return reason
    if turn.pause and turn.policy.catch_up is CatchUp.SKIP and not turn.by_hand:
        return f"{turn.pause}, and catch-up is skip"
    is_first = turn.run.attempt == 0 and turn.run.source is Source.SCHEDULE and not turn.by_hand
    if turn.behind and turn.policy.overlap is Overlap.SKIP and is_first:
        return f"overlap: the run of {turn.behind:%Y-%m-%dT%H:%MZ} has not finished, and overlap is skip"
    return None


def reason_to_defer(turn: Turn, health: Health, hold: timedelta) -> str | None:
    """Why the run waits for its vendor rather than use up an attempt, for ``hold`` at most; None if it may go.

    What an operator asked for is not held.
    """
    if turn.by_hand or health.verdict not in DOWN:
        return None
    if turn.deferred_at is not None and turn.at >= turn.deferred_at + hold:
        return None
    return f"{turn.run.integration_type} is {health.verdict} since {health.since:%Y-%m-%dT%H:%MZ}: {health.reason}"


def _superseded(turn: Turn, settings: Settings) -> str | None:
    if turn.live is None:
        return superseded(turn.run, None, None, by_hand=turn.by_hand)
    judged = judge(turn.live, window_around(turn.run.scheduled_for), settings.types)
    moments = None if isinstance(judged, InvalidIntegration) else judged.moments
    return superseded(turn.run, turn.live, moments, by_hand=turn.by_hand)


def _pause(reason: str, author: str, until: datetime | None) -> str:
    end = f"until {until:%Y-%m-%dT%H:%MZ}" if until else "until it is resumed"
    return f"paused by {author} {end}: {reason}"
