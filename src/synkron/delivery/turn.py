"""A run and everything that decides whether it may start, as it is when the run's turn comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncpg import Record

from synkron.delivery.decide import Turn
from synkron.ledger.claims import run_of
from synkron.model import Source, State
from synkron.postgres.connection import Executor
from synkron.postgres.rows import read
from synkron.scheduler.pauses import until_when
from synkron.scheduler.policies import overridden
from synkron.settings.load import Settings
from synkron.settings.policy import Policy
from synkron.source.queries import SourceQueries, refuse_users
from synkron.source.reader import integration_of


async def read_turns(
    connection: Executor, source: SourceQueries, run_ids: Sequence[int], settings: Settings
) -> list[Turn | None]:
    """The runs and everything that decides about them, in one statement, in their order; None for an unknown run.

    Raises ServiceRoleRequired (G8).
    """
    # Two jobs of one run may come together, but a run that is returned twice means that two rows have its id.
    async with source.in_words():
        rows = await connection.fetch(source.sql("delivery/turn")["turn"], list(dict.fromkeys(run_ids)))
    refuse_users(rows[0]["refusal"] if rows else None)
    policies = settings.policies
    turns = {row["id"]: _turn(row, policies) for row in rows if row["id"] is not None}
    return [turns.get(run_id) for run_id in run_ids]


def _turn(row: Record, policies: Mapping[str, Policy]) -> Turn:
    run, state = run_of(row), State(row["state"])
    # If the run has followed its row, an old job may come to a worker that does not know the new type; it does nothing.
    policy = policies.get(run.integration_type, Policy())
    pause = None
    if row["pause_author"] is not None:
        pause = f"paused by {row['pause_author']} {until_when(row['pause_until'])}: {row['pause_reason']}"
    return read(
        Turn,
        row,
        run=run,
        state=state,
        live=integration_of(row, "live_") if row["live"] else None,
        policy=overridden(policy, row) if row["has_override"] else policy,
        by_hand=run.source in (Source.MANUAL, Source.BACKFILL) or row["retries"] > 0,
        is_accepted=state is State.RUNNING and row["completes_by"] is not None,
        pause=pause,
    )
