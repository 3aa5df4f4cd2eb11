"""What fires next, from the overview's copy: its work grows with the distinct schedules, not with the integrations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from synkron.model import EVERYTHING, Scope, Steps, Window
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.reports.forecast.fires import Group
from synkron.runtime import by_turns
from synkron.source.parsed_texts import KNOWN
from synkron.source.reader import zone_of

SQL = statements("reports/overview/coming")


async def read_groups(connection: Connection, scope: Scope, end: datetime) -> Sequence[Group]:
    """The integrations that fire up to ``end``, those with the same schedule and type counted together."""
    if scope.org_id is None and scope.integration_id is None:
        rows = await connection.fetch(SQL["groups"], end, scope.integration_type)
    else:
        rows = await connection.fetch(SQL["groups_of"], end, *scope)
    return [
        read(Group, row, timezone=zone_of(row), organization_exists=True, spread=None, is_odd=False) for row in rows
    ]


async def count_due(connection: Connection, window: Window, scope: Scope = EVERYTHING) -> int:
    """How many moments of the window the integrations that can run have, paused or not."""
    return await by_turns(_count(await read_groups(connection, scope, window.end), window))


def _count(groups: Iterable[Group], window: Window) -> Steps[int]:
    total = 0
    for group in groups:
        cron, zone = KNOWN.expression(group.cron_schedule), KNOWN.zone(group.timezone)
        if not isinstance(cron, Exception) and not isinstance(zone, Exception):
            total += group.integrations * len(cron.occurrences(window.start, window.end, zone))
        yield
    return total
