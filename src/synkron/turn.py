"""A run and its integration's row, as they stand when the run's turn comes."""

from __future__ import annotations

from dataclasses import dataclass

from synkron.database import ROWS_HIDDEN, Executor, speaking_of
from synkron.due import judge
from synkron.errors import ServiceRoleRequired
from synkron.ledger import run_of
from synkron.model import Integration, InvalidIntegration, Run, State
from synkron.plan import superseded
from synkron.reader import integration_of, window_around
from synkron.settings import Settings, SourceTables
from synkron.sql import source_statements


@dataclass(frozen=True, slots=True)
class Turn:
    """``live`` is the integration's row now; None when it was deleted."""

    run: Run
    state: State
    live: Integration | None


async def turn_statement(connection: Executor, source: SourceTables) -> str:
    """The statement for ``read_turn``, fitted to the type of the integrations' id."""
    sql = source_statements("turn", source)
    async with speaking_of(source):
        id_type = await connection.fetchval(sql["id_type"])
    return sql["turn"].replace("ID_TYPE", id_type)


async def read_turn(connection: Executor, statement: str, run_id: int, source: SourceTables) -> Turn | None:
    """The run and its row in one statement; None when there is no such run. Raises ServiceRoleRequired (G8)."""
    async with speaking_of(source):
        row = await connection.fetchrow(statement, run_id)
    if row is None or row["hidden"]:
        raise ServiceRoleRequired(ROWS_HIDDEN)
    if row["id"] is None:
        return None
    return Turn(run_of(row), State(row["state"]), integration_of(row, "live_") if row["live"] else None)


def reason_to_skip(turn: Turn, settings: Settings) -> str | None:
    """Why the run must not be delivered any more, by its row as it stands now; None if it may."""
    if turn.live is None:
        return superseded(turn.run, None, None)
    judged = judge(turn.live, window_around(turn.run.scheduled_for), settings.types)
    moments = None if isinstance(judged, InvalidIntegration) else judged.moments
    return superseded(turn.run, turn.live, moments)
