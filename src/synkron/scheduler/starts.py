"""The starts of paced types, allotted in the transaction that claims their runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from synkron.ledger import claims
from synkron.model import Action, Decision, Steps
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.runtime import by_turns
from synkron.scheduler.spread import paced
from synkron.settings.policy import Policy

SQL = statements("scheduler/starts")
KEPT = timedelta(hours=1)


async def pace_starts(
    connection: Connection, decisions: Sequence[Decision], policies: Mapping[str, Policy], now: datetime
) -> list[Decision]:
    """The decisions, with the starts of paced types moved to keep their pace.

    The caller must hold the watermark's lock, as two callers at once would allot the same starts. A run that was
    decided before is left out, because it already has its start.
    """
    runs, others = await by_turns(_parted(decisions, policies))
    if not runs:
        return others
    return [*others, *await allot_starts(connection, await claims.undecided(connection, runs), policies, now)]


def _parted(
    decisions: Iterable[Decision], policies: Mapping[str, Policy]
) -> Steps[tuple[list[Decision], list[Decision]]]:
    runs: list[Decision] = []
    others: list[Decision] = []
    for one in decisions:
        is_paced = one.action is Action.RUN and policies[one.integration.integration_type].pace is not None
        (runs if is_paced else others).append(one)
        yield
    return runs, others


async def allot_starts(
    connection: Connection, runs: Sequence[Decision], policies: Mapping[str, Policy], now: datetime
) -> list[Decision]:
    """The runs, with the starts of paced types moved to keep their pace, even if they were decided before."""
    rows = await connection.fetch(SQL["starts"], now - KEPT)
    starts = {(row["integration_type"], row["minute"]): row["starts"] for row in rows}
    moved, added = await by_turns(paced(runs, policies, starts, now))
    if added:
        await connection.execute(SQL["allot"], *map(list, zip(*added, strict=True)), list(added.values()))
        await connection.execute(SQL["forget_starts"], now - KEPT)
    return moved
