"""Integrations whose moments stay undecided: they are paused, or can't run for now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from synkron.ledger.history import RecordedRun
from synkron.model import Integration, Scope
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.scheduler.pauses import Hold, Pause, scopes_over
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of

SQL = statements("scheduler/holds")
# So many pages of the holds, which are about 800, does a tick search for those whose rows are gone.
PAGES = 8


class PausesInEffect(NamedTuple):
    """How many pauses are in effect, and a sum over their numbers: where both are the same, so are the pauses."""

    total: int
    numbers: Decimal | None


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
    return [Pause(**row) for row in await connection.fetch(SQL["pauses"], at)]


async def read_wide_pauses(connection: Executor, at: datetime) -> list[Pause]:
    """The pauses of everything and of whole types that are in effect at ``at``."""
    return [Pause(**row) for row in await connection.fetch(SQL["wide_pauses"], at)]


async def read_pauses_over(connection: Executor, rows: Sequence[Integration], at: datetime) -> list[Pause]:
    """Those that have not ended at ``at`` and may hold one of the integrations; of a single one, those that hold it."""
    ids = [one.integration_id for one in rows]
    org_ids, types = list({one.org_id for one in rows}), list({one.integration_type for one in rows})
    return [Pause(**row) for row in await connection.fetch(SQL["pauses_over"], at, ids, org_ids, types)]


async def is_paused(connection: Executor, scope: Scope, at: datetime) -> bool:
    """Whether a pause of exactly this scope is in effect at ``at``."""
    return bool(await connection.fetchval(SQL["is_paused"], at, *scope))


async def read_in_effect(connection: Executor, at: datetime) -> PausesInEffect:
    """What of the pauses in effect at ``at`` tells whether they are others than before."""
    [row] = await connection.fetch(SQL["in_effect"], at)
    return PausesInEffect(*row)


async def holding(connection: Executor, run: RecordedRun) -> Pause | None:
    """The pause that holds the run, if one does; that of its integration has its organization and type."""
    row = run.pause_id and await connection.fetchrow(SQL["pause"], run.pause_id)
    if not row:
        return None
    pause = Pause(**row)
    return replace(pause, org_id=run.org_id, integration_type=run.integration_type) if pause.integration_id else pause


async def read_paused(connection: Executor, rows: Sequence[Integration], at: datetime) -> dict[str, Pause]:
    """Those of the integrations that are paused at ``at``, by id, each with the pause that lasts longest."""
    pauses = await read_pauses_over(connection, rows, at)
    pauses.sort(key=lambda one: (one.until is None, one.until or at, -one.id))
    lasting = {one.scope: (number, one) for number, one in enumerate(pauses)}
    over = {row.integration_id: [lasting[one] for one in scopes_over(row) if one in lasting] for row in rows}
    return {integration_id: max(some)[1] for integration_id, some in over.items() if some}


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


async def release(connection: Connection, released: Sequence[Released]) -> None:
    """Delete the holds, in the transaction that decides their moments."""
    if released:
        await connection.execute(SQL["release"], [one.integration.integration_id for one in released])


async def drop_gone(connection: Connection, number: int, oldest: datetime, source: SourceQueries) -> None:
    """Delete the holds from before ``oldest`` of rows that are gone, in the part whose turn it is at this tick."""
    if pages := await connection.fetchval(SQL["pages"]):
        first = PAGES * (number % -(-pages // PAGES))
        await connection.execute(source.sql("scheduler/holds")["drop_gone"], (first, 0), (first + PAGES, 0), oldest)
