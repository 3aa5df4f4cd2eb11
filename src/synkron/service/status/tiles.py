"""The figures at the top of the overview: those of the status, for a scope, and in the time of a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.incidents.conditions.failed_runs import Verified
from synkron.incidents.conditions.store import count_failed, count_late, read_verification
from synkron.ledger.ticks import NewestTick, read_newest_tick
from synkron.model import EVERYTHING, Scope, Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.reports.overview.coming import count_due
from synkron.service.status.verdict import Held, Runs
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries

SQL = statements("service/status/store")
HOUR = timedelta(hours=1)
# So many failures are looked at: each takes a look for a later success.
MOST_FAILED = 1_000


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the integrations of a scope do at the moment ``at``, by the database's clock.

    ``due`` counts the moments of the coming hour at which something runs, ``paused`` those that a pause holds, as the
    overview's copy has the schedules. ``late`` and ``failing`` are runs, as in the status; there may be more than
    counted if they ``are_cut``. ``pauses`` are those in effect that cover some of the scope. ``incidents`` are open.
    ``last_tick`` has the clock that it came from as its source. ``verification`` is about the whole fleet: None for any
    other scope, and before the first.
    """

    at: datetime
    due: int
    paused: int
    runs: Runs
    late: int
    late_are_cut: bool
    failing: int
    failing_are_cut: bool
    pauses: int
    held: Held
    incidents: int
    last_tick: NewestTick | None
    verification: Verified | None


async def tiles(connection: Connection, settings: Settings, scope: Scope = EVERYTHING) -> Tiles:
    """The figures of the scope, in one snapshot. Raises ServiceRoleRequired, SourceTableMissing and LedgerMissing."""
    source = SourceQueries(settings.source)
    async with source.in_words(), connection.transaction(isolation="repeatable_read", readonly=True):
        await source.secure(connection)
        now = await database_clock(connection)
        [runs] = await connection.fetch(SQL["runs"], now, *scope)
        [counts] = await connection.fetch(SQL["counts"], now, *scope)
        late, late_are_cut = await count_late(connection, now, settings, scope)
        failing, failing_are_cut = await count_failed(connection, now, scope, most=MOST_FAILED)
        due = await count_due(connection, Window(now, now + HOUR), scope)
        return Tiles(
            at=now,
            due=due.due,
            paused=due.paused,
            runs=read(Runs, runs),
            late=late,
            late_are_cut=late_are_cut,
            failing=failing,
            failing_are_cut=failing_are_cut,
            pauses=counts["pauses"],
            held=read(Held, counts),
            incidents=await connection.fetchval(SQL["open_incidents"], *scope),
            last_tick=await read_newest_tick(connection),
            verification=await read_verification(connection) if scope == EVERYTHING else None,
        )
