"""Overrides, pauses and holds that a tick obeys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_type_hints

from asyncpg import Record

from synkron.model import Hold, Integration, Pause, Policies, Policy
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of

SQL = statements("scheduler/policies")

# What belongs to a whole type. The rest of a policy may be set for one integration, and is read as its field's type.
OF_TYPE = {"catch_up_newest", "pace", "concurrency"}
OVERRIDABLE: Mapping[str, Any] = {key: kind for key, kind in get_type_hints(Policy).items() if key not in OF_TYPE}


@dataclass(frozen=True, slots=True)
class Released:
    """A row on hold that no pause covers now. Its moments after ``since`` are undecided."""

    integration: Integration
    since: datetime
    hold: Hold


async def read_policies(
    connection: Executor, by_type: Mapping[str, Policy], integrations: Collection[Integration]
) -> Policies:
    """The policies of these integrations, all of known types."""
    types = {one.integration_id: one.integration_type for one in integrations}
    rows = await connection.fetch(SQL["overrides"], list(types)) if types else []
    return Policies(
        by_type, {row["integration_id"]: overridden(by_type[types[row["integration_id"]]], row) for row in rows}
    )


def overridden(policy: Policy, row: Record, prefix: str = "") -> Policy:
    """The policy with the values of a row of ``synkron.overrides``, whose column names have the prefix."""
    return replace(
        policy,
        catch_up_newest=policy.catch_up_newest and row[prefix + "catch_up_window"] is None,
        **{
            key: row[prefix + key] if read is timedelta else read(row[prefix + key])
            for key, read in OVERRIDABLE.items()
            if row[prefix + key] is not None
        },
    )


async def read_sight(connection: Executor) -> str:
    """A ``pg_snapshot``; the statements that follow see at least what it contains."""
    snapshot: str = await connection.fetchval(SQL["sight"])
    return snapshot


async def read_pauses(connection: Executor, at: datetime) -> list[Pause]:
    """The pauses that have not ended at ``at``."""
    rows = await connection.fetch(SQL["pauses"], at)
    return [Pause(**row) for row in rows]


async def note_held(connection: Connection, held: Iterable[tuple[str, Sequence[datetime], Hold]]) -> None:
    """Record since when these integrations are undecided, and why. Only the first of their moments may be decided."""
    rows = [(integration_id, moment, why) for integration_id, moments, why in held for moment in moments[:2]]
    if rows:
        await connection.execute(SQL["hold"], *map(list, zip(*rows, strict=True)))


async def read_held(connection: Executor, integration_ids: Iterable[str]) -> set[str]:
    """Those of the integrations that are undecided because of a current or past hold."""
    rows = await connection.fetch(SQL["held"], list(integration_ids))
    return {row["integration_id"] for row in rows}


async def read_released(
    connection: Connection, at: datetime, oldest: datetime, source: SourceQueries
) -> list[Released]:
    """The integrations on hold that no pause covers at ``at``, with their current rows; since ``oldest`` at most."""
    if not await connection.fetchval(SQL["any_held"]):
        return []
    rows = await connection.fetch(await source.fit(connection, source.sql("scheduler/policies")["released"]), at)
    return [Released(integration_of(row), max(row["since"], oldest), Hold(row["reason"])) for row in rows]


async def release(connection: Connection, released: Sequence[Released], source: SourceQueries) -> None:
    """Delete the holds, in the transaction that decides their moments."""
    if released:
        statement = await source.fit(connection, source.sql("scheduler/policies")["release"])
        await connection.execute(statement, [one.integration.integration_id for one in released])
