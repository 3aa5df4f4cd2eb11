"""The pauses on record: those in effect, and those that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from synkron.model import EVERYTHING, Integration, Scope
from synkron.operations.scope import read_names, read_rows_by_id, secured, subject_of
from synkron.operations.transaction import read_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.scheduler.pauses import Pause
from synkron.settings.load import Settings

AnyPause = TypeVar("AnyPause", bound=Pause)


@dataclass(frozen=True, slots=True)
class RecordedPause(Pause):
    """A recorded pause, with its subject in words; ``state`` is active, over or ended.

    That of an integration also has its organization and type, unless its row is gone.
    """

    subject: str
    ended_at: datetime | None
    ended_by: str | None
    state: str


async def pauses(
    connection: Connection,
    settings: Settings,
    around: Scope = EVERYTHING,
    *,
    ended: bool = False,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[RecordedPause]:
    """The active pauses, the newest first; with ``ended``, all. Only those that hold something of the scope.

    ``around`` has the organization and the type of its integration. An integration that is gone is in the scopes it was
    last known to be in. A page begins after the moment and the number ``before``.
    """
    async with read_transaction(connection):
        return await recorded_pauses(connection, settings, around, ended=ended, before=before, limit=limit)


async def recorded_pauses(
    connection: Connection,
    settings: Settings,
    around: Scope = EVERYTHING,
    *,
    ended: bool = False,
    numbers: Sequence[int] | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[RecordedPause]:
    """The same in the caller's transaction; with ``numbers``, those of them."""
    source = await secured(connection, settings)
    statement = source.sql("operations/operations")["pauses"]
    rows = await connection.fetch(statement, ended, numbers, *around, *(before or (None, None)), limit)
    ids = [row["integration_id"] for row in rows if row["integration_id"] is not None]
    known = {one.integration_id: one for one in await read_rows_by_id(connection, settings, ids)} if ids else {}
    org_ids = {row["org_id"] for row in rows} | {one.org_id for one in known.values()}
    names = await read_names(connection, settings, org_ids)
    found = []
    for row in rows:
        integration = known.get(row["integration_id"])
        subject = subject_of(read(Scope, row), integration, names)
        found.append(with_owner(read(RecordedPause, row, subject=subject), integration))
    return found


def with_owner(one: AnyPause, row: Integration | None) -> AnyPause:
    """The pause; that of an integration has the organization and type of its row."""
    return replace(one, org_id=row.org_id, integration_type=row.integration_type) if row else one
