"""Reads the status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from synkron.incidents.conditions.store import read_conditions, read_verification
from synkron.incidents.store import incidents
from synkron.ledger.installation import why_nothing_is_fired
from synkron.ledger.nodes import nodes
from synkron.ledger.ticks import read_newest_tick
from synkron.model import EVERYTHING, Integration, Steps, Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.reports.overview.coming import Due
from synkron.runtime import by_turns
from synkron.scheduler.holds import read_pauses
from synkron.scheduler.pauses import paused_at
from synkron.service.status.targets import without_target
from synkron.service.status.verdict import Held, Runs, Status
from synkron.settings.load import Settings
from synkron.source.reader import read_all
from synkron.source.upcoming import Upcoming, upcoming_in_steps
from synkron.vendors.watches import watches_of

SQL = statements("service/status/store")
HOUR = timedelta(hours=1)


async def read_status(connection: Connection, settings: Settings, coming: int) -> Status:
    """How Synkron does now, with so many of the ``coming`` moments.

    The conditions are read from the tables, so that they are true though no scheduler keeps the incidents up to date.
    Rows that can't run are known from the incidents alone. Reads the whole table of integrations once. Raises
    ServiceRoleRequired, SourceTableMissing, LedgerMissing and SettingsError.
    """
    now = await database_clock(connection)
    is_paused = paused_at(await read_pauses(connection, now))
    [runs] = await connection.fetch(SQL["runs"], now, *EVERYTHING)
    [counts] = await connection.fetch(SQL["counts"], now, *EVERYTHING)
    rows = await read_all(connection, settings.source)
    fires = await by_turns(upcoming_in_steps(rows, Window(now, now + HOUR), settings.types))
    due, first = await by_turns(count_by_row(fires, is_paused, coming))
    return Status(
        at=now,
        not_fired=await why_nothing_is_fired(connection, settings),
        last_tick=await read_newest_tick(connection),
        pg_cron_claimed_at=await connection.fetchval(SQL["pg_cron_claimed_at"]),
        nodes=await nodes(connection, settings.heartbeat),
        runs=read(Runs, runs),
        pauses=counts["pauses"],
        held=read(Held, counts),
        conditions=await read_conditions(connection, settings, watches_of(settings), (), now),
        incidents=await incidents(connection),
        verification=await read_verification(connection),
        without_target=await without_target(
            connection,
            settings,
            [row.integration_type for row in rows if row.is_enabled and row.cron_schedule is not None],
        ),
        due=due.due,
        paused=due.paused,
        coming=first,
    )


def count_by_row(
    fires: Iterator[Upcoming], is_paused: Callable[[Integration, datetime], bool], most: int
) -> Steps[tuple[Due, list[Upcoming]]]:
    """What is due, and the first such moments.

    A page asks ``synkron.reports.overview.coming.count_by_schedule`` instead, which needs no rows. The two agree:
    ``test_what_a_pause_holds_is_not_due``.
    """
    first: list[Upcoming] = []
    due = paused = 0
    for one in fires:
        if is_paused(one.integration, one.scheduled_for):
            paused += 1
        else:
            due += 1
            if len(first) < most:
                first.append(one)
        yield
    return Due(due, paused), first
