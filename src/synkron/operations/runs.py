"""Runs that an operator names by their numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.errors import NotFound, Refused
from synkron.model import State
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A run as it is now."""

    id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    source: str
    scheduled_for: datetime
    state: State
    attempt: int
    failures: int
    crashes: int
    retries: int
    reason: str
    error: str | None

    @property
    def facts(self) -> dict[str, object]:
        """What the audit records of it before the change."""
        return {"run": self.id, "state": self.state, "failures": self.failures, "error": self.error}


async def lock_runs(connection: Connection, ids: Collection[int]) -> None:
    """Lock these runs until the caller's transaction ends."""
    await connection.fetch(statements("operations/runs")["lock"], sorted(set(ids)))


async def named_runs(
    connection: Connection, ids: Collection[int], allowed: Collection[State], wanted: str
) -> list[NamedRun]:
    """The runs of these numbers, in their order. Raises NotFound and Refused unless all are in an allowed state."""
    rows = await connection.fetch(statements("operations/runs")["runs"], sorted(set(ids)))
    found = [read(NamedRun, row, state=State(row["state"])) for row in rows]
    if missing := sorted(set(ids) - {one.id for one in found}):
        raise NotFound(f"There is no run {_listed(missing)}. `synkron runs` lists those there are.")
    others = [f"run {one.id} is {one.state}" for one in found if one.state not in allowed]
    if others:
        raise Refused(f"{_capital('; '.join(others))}. {wanted} Nothing was changed.")
    return found


def subject_of(runs: Sequence[NamedRun]) -> str:
    """The runs as the audit names them."""
    return f"run {runs[0].id}" if len(runs) == 1 else f"runs {_listed([one.id for one in runs])}"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
