"""Integrations whose moments stay undecided: they are paused, or cannot be fired for now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.model import Integration
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.scheduler.pauses import Hold, Pause
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of

SQL = statements("scheduler/holds")


@dataclass(frozen=True, slots=True)
class Released:
    """A row on hold that no pause covers now. Its moments after ``since`` are undecided."""

    integration: Integration
    since: datetime
    hold: Hold


async def read_snapshot(connection: Executor) -> str:
    """A ``pg_snapshot``; the statements that follow see at least what it contains."""
    snapshot: str = await connection.fetchval(SQL["snapshot"])
    return snapshot


async def read_pauses(connection: Executor, at: datetime) -> list[Pause]:
    """The pauses that have not ended at ``at``."""
    rows = await connection.fetch(SQL["pauses"], at)
    return [Pause(**row) for row in rows]


async def read_paused(connection: Executor, rows: Iterable[Integration], at: datetime) -> dict[str, Pause]:
    """Those of the integrations that are paused at ``at``, by id, each with the pause that lasts longest."""
    pauses = sorted(await read_pauses(connection, at), key=lambda one: (one.until is None, one.until or at, -one.id))
    return {row.integration_id: one for row in rows for one in pauses if one.scope.holds(row)}


async def hold(connection: Connection, held: Iterable[tuple[str, Sequence[datetime], Hold]]) -> None:
    """Record since when these integrations are undecided, and why. Only the first of their moments may be decided."""
    rows = [(integration_id, moment, why) for integration_id, moments, why in held for moment in moments[:2]]
    if rows:
        await connection.execute(SQL["hold"], *map(list, zip(*rows, strict=True)))


async def read_held(connection: Executor, integration_ids: Iterable[str]) -> dict[str, datetime]:
    """Those of the integrations that are undecided because of a current or past hold, each with the hold's start."""
    rows = await connection.fetch(SQL["held"], list(integration_ids))
    return {row["integration_id"]: row["since"] for row in rows}


async def read_released(
    connection: Connection, at: datetime, oldest: datetime, source: SourceQueries
) -> list[Released]:
    """The integrations on hold that no pause covers at ``at``, with their current rows; since ``oldest`` at most."""
    if not await connection.fetchval(SQL["any_held"]):
        return []
    rows = await connection.fetch(source.sql("scheduler/holds")["released"], at)
    return [Released(integration_of(row), max(row["since"], oldest), Hold(row["reason"])) for row in rows]


async def release(connection: Connection, released: Sequence[Released], source: SourceQueries) -> None:
    """Delete the holds, in the transaction that decides their moments."""
    if released:
        ids = [one.integration.integration_id for one in released]
        await connection.execute(source.sql("scheduler/holds")["release"], ids)
