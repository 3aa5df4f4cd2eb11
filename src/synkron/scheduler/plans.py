"""Plans the coming moments, so that pg_cron can claim them on time while no scheduler ticks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from synkron.ledger.installation import read_installation
from synkron.ledger.keys import run_key
from synkron.model import Action, Decision, Occurrences, Source, Window
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.scheduler.decide import decide
from synkron.scheduler.policies import read_policies
from synkron.scheduler.undecided import undecided
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries
from synkron.source.reader import read_window

SQL = statements("scheduler/plans")
BATCH = 5_000


async def at_rest(connection: Connection) -> bool:
    """Whether the schedulers rest, because an operator drills that pg_cron takes over."""
    clock = await connection.fetchrow(SQL["second_clock"])
    return clock is not None and bool(clock["at_rest"])


# requirement R17.6
async def plan_ahead(connection: Connection, settings: Settings, decided_until: datetime, *, anew: bool = False) -> int:
    """Plan the moments after ``decided_until`` that are not planned yet, if pg_cron is to claim them. Returns how many.

    With ``anew``, those that are planned are planned again: the settings may be others. Runs of paced types are not
    planned, because their starts are allotted when they are claimed. Raises what a tick raises.
    """
    clock = await connection.fetchrow(SQL["second_clock"])
    if clock is None or clock["plan_until"] is None:
        return 0
    anew = anew or clock["planned_until"] is None
    start = decided_until if anew else max(clock["planned_until"], decided_until)
    window = Window(start, clock["plan_until"])
    if window.end <= window.start:
        return 0
    queries = SourceQueries(settings.source)
    async with queries.in_words(), connection.transaction():
        await queries.secure(connection)
        read = await read_window(connection, window, queries, settings.types)
        policies = await read_policies(connection, settings.policies, [one.integration for one in read.due])
        installation = await read_installation(connection)
        runs = _runs(decide(read.due, window.start, policies), _paced(settings))
        await connection.execute(SQL["forget"], anew)
        planned = await _write(connection, runs, installation.id)
        await connection.execute(SQL["planned"], window.end)
    return planned


async def without_claimed(connection: Connection, due: Sequence[Occurrences], since: datetime) -> list[Occurrences]:
    """What is due, without the moments after ``since`` that pg_cron has claimed, in the caller's transaction."""
    if not await connection.fetchval(SQL["has_claimed"], since):
        return list(due)
    rows = await connection.fetch(SQL["claimed_by_pg_cron"], since)
    claimed = {row["integration_id"]: frozenset(row["moments"]) for row in rows}
    return [part for one in due for part in undecided(one, claimed.get(one.integration.integration_id, frozenset()))]


def _paced(settings: Settings) -> frozenset[str]:
    return frozenset(name for name, policy in settings.policies.items() if policy.pace is not None)


def _runs(decisions: Iterable[Decision], paced: Collection[str]) -> Iterator[Decision]:
    for one in decisions:
        if one.action is Action.RUN and one.source is Source.SCHEDULE and one.integration.integration_type not in paced:
            yield one


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
        [None if row.timezone is None else str(row.timezone) for row in rows],
        [run_key(installation, one.integration.integration_id, one.source, one.moments[0]) for one in runs],
        [one.period_start for one in runs],
        [one.execute_after for one in runs],
    )
