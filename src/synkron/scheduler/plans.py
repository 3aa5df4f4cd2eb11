"""Plans the coming moments, so that pg_cron can claim them on time while no scheduler ticks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from synkron.ledger.claims import recorded_zone
from synkron.ledger.installation import read_installation
from synkron.ledger.keys import run_key
from synkron.model import Action, Decision, Window
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.scheduler.decide import decide
from synkron.scheduler.policies import read_policies
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries
from synkron.source.reader import read_window

SQL = statements("scheduler/plans")
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class PlanningClock:
    """What a scheduler has to know of pg_cron as the second clock.

    The schedulers are ``at_rest`` while an operator drills that pg_cron takes over. The moments up to ``plan_until``
    are to be planned, None if pg_cron claims nothing; those up to ``planned_until`` are.
    """

    at_rest: bool = False
    plan_until: datetime | None = None
    planned_until: datetime | None = None


async def read_planning_clock(connection: Connection) -> PlanningClock:
    """How it is now."""
    row = await connection.fetchrow(SQL["second_clock"])
    return PlanningClock() if row is None else read(PlanningClock, row)


# requirement R17.6
async def plan_ahead(
    connection: Connection, settings: Settings, clock: PlanningClock, decided_until: datetime, *, anew: bool = False
) -> int:
    """Plan the moments after ``decided_until`` that are not planned yet, if pg_cron is to claim them. Returns how many.

    With ``anew``, those that are planned are planned again: the settings may be others. Runs of paced types are not
    planned, because their starts are allotted when they are claimed. Raises what a tick raises.
    """
    planned_until = None if anew else clock.planned_until
    start = decided_until if planned_until is None else max(planned_until, decided_until)
    if clock.plan_until is None or clock.plan_until <= start:
        return 0
    window = Window(start, clock.plan_until)
    queries = SourceQueries(settings.source)
    async with queries.in_words(), connection.transaction():
        await queries.secure(connection)
        due = (await read_window(connection, window, queries, settings.types)).due
        policies = await read_policies(connection, settings.policies, [one.integration for one in due])
        installation = await read_installation(connection)
        runs = (
            one
            for one in decide(due, window.start, policies)
            if one.action is Action.RUN and settings.policies[one.integration.integration_type].pace is None
        )
        await connection.execute(SQL["forget"], planned_until is None)
        planned = await _write(connection, runs, installation.id)
        await connection.execute(SQL["planned"], window.end)
    return planned


async def pg_cron_has_claimed(connection: Connection, since: datetime) -> bool:
    """Whether pg_cron has claimed moments after ``since``, in the caller's transaction."""
    has_claimed: bool = await connection.fetchval(SQL["has_claimed"], since)
    return has_claimed


async def _write(connection: Connection, runs: Iterator[Decision], installation: UUID) -> int:
    planned = 0
    while some := list(islice(runs, BATCH)):
        await connection.execute(SQL["plan"], *_columns(some, installation))
        planned += len(some)
    return planned


def _columns(runs: Sequence[Decision], installation: UUID) -> tuple[list[object], ...]:
    rows = [one.integration for one in runs]
    return (
        [one.moments[0] for one in runs],
        [row.integration_id for row in rows],
        [row.org_id for row in rows],
        [row.integration_type for row in rows],
        [row.cron_schedule for row in rows],
        [recorded_zone(row) for row in rows],
        [run_key(installation, one.integration.integration_id, one.source, one.moments[0]) for one in runs],
        [one.period_start for one in runs],
        [one.execute_after for one in runs],
    )
