"""Reads the facts behind the conditions, in the same few statements however large the tables are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from asyncpg import PostgresError, Record

from synkron.incidents.condition import Condition
from synkron.incidents.conditions.cold_starts import ColdStarts, cold
from synkron.incidents.conditions.expired_moments import Expired, expired
from synkron.incidents.conditions.failed_runs import FailedRun, Verified, failed, verified
from synkron.incidents.conditions.invalid_rows import invalid as of_rows
from synkron.incidents.conditions.late_runs import late
from synkron.incidents.conditions.processes import InternalFault, TickGap, internal, tick_gaps, tzdata_differs
from synkron.incidents.conditions.unhealthy_vendors import VendorEndpoint, is_told, unwell, used_up
from synkron.incidents.conditions.wording import Names
from synkron.ledger.drift import LateRun
from synkron.ledger.history import late_run_of
from synkron.ledger.nodes import silence
from synkron.ledger.ticks import LONGEST_BETWEEN_TICKS
from synkron.model import EVERYTHING, InvalidIntegration, Scope
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.runtime import log
from synkron.settings.load import Settings
from synkron.source.oddity import NOTHING
from synkron.source.queries import SourceQueries
from synkron.vendors.health import Verdict, Watch

SQL = statements("incidents/conditions/store")
GAP_IS_TOLD_FOR = timedelta(minutes=15)
FAILURE_IS_TOLD_FOR = timedelta(days=7)
# How many rows of each kind are read. Beyond that, "at least so many" is enough.
MOST_LATE = 2_000
MOST_FAILED = 5_000
MOST_LIVE = 10_000
MOST_CAUGHT_UP = 10_000
MOST_COLD = 1_000
MOST_EXPIRED = 10_000
MOST_NAMED = 1_000
MOST_FAULTS = 100
# How long a fault that has not recurred is reported.
FAULT_IS_TOLD_FOR = timedelta(hours=2)


async def read_conditions(
    connection: Connection,
    settings: Settings,
    watches: Collection[Watch],
    invalid: Sequence[InvalidIntegration],
    at: datetime,
) -> list[Condition]:
    """All conditions that are true at the moment ``at``, by the database's clock.

    ``watches`` are the watched endpoints, ``invalid`` the rows that the last tick could not run. Always sends the same
    number of statements. Raises ServiceRoleRequired, SourceTableMissing and LedgerMissing.
    """
    source = SourceQueries(settings.source)
    sql = source.sql("incidents/conditions/store")
    async with source.in_words(), connection.transaction():
        await source.secure(connection)
        late_runs, late_are_cut = await read_late(connection, at, settings)
        failed_runs, failed_are_cut = await read_failed(connection, at)
        of_vendors = await _of_vendors(connection, sql, watches, at)
        gaps = await connection.fetch(sql["tick_gaps"], at, LONGEST_BETWEEN_TICKS, GAP_IS_TOLD_FOR, MOST_CAUGHT_UP)
        cold_starts = await connection.fetch(sql["cold_starts"], at, MOST_COLD)
        expired_ones = await connection.fetch(sql["expired"], at, MOST_EXPIRED)
        versions = await connection.fetch(sql["tzdata"], at, silence(settings.heartbeat))
        verification = await read_verification(connection)
        faults = await connection.fetch(sql["internal_faults"], at, FAULT_IS_TOLD_FOR, MOST_FAULTS)
        org_ids = {run.org_id for run in late_runs} | {run.org_id for run in failed_runs}
        org_ids |= {row.org_id for row in invalid[:MOST_NAMED]}
        names = await _read_names(connection, sql, org_ids - {NOTHING})
    return [
        *late(late_runs, names, is_cut=late_are_cut),
        *failed(failed_runs, names, at, is_cut=failed_are_cut),
        *of_vendors,
        *of_rows(invalid, names, at),
        *tick_gaps([TickGap(**row, is_cut=row["runs"] + row["others"] >= MOST_CAUGHT_UP) for row in gaps], at),
        *(cold(read(ColdStarts, row, is_cut=row["looked_at"] >= MOST_COLD)) for row in cold_starts),
        *expired([read(Expired, row, is_cut=row["looked_at"] >= MOST_EXPIRED) for row in expired_ones]),
        *tzdata_differs({row["tzdata"]: row["nodes"] for row in versions}, at),
        *verified(verification),
        *(internal(InternalFault(**row)) for row in faults),
    ]


async def read_late(
    connection: Connection, at: datetime, settings: Settings, scope: Scope = EVERYTHING
) -> tuple[list[LateRun], bool]:
    """The runs of the scope that are late, or started late within the last 15 minutes; and whether there are more."""
    asked = (at, settings.announce.late_after, MOST_LATE, *scope)
    waiting = await connection.fetch(SQL["waiting"], *asked)
    started = await connection.fetch(SQL["started_late"], *asked)
    return [late_run_of(row, at) for row in (*waiting, *started)], MOST_LATE in (len(waiting), len(started))


async def read_failed(
    connection: Connection, at: datetime, scope: Scope = EVERYTHING, *, most: int = MOST_FAILED
) -> tuple[list[FailedRun], bool]:
    """Of the newest failed runs of the scope, those without a later success; and whether there may be more."""
    rows = await connection.fetch(SQL["failed"], at, most, FAILURE_IS_TOLD_FOR, *scope)
    return [read(FailedRun, row) for row in rows], any(row["looked_at"] == most for row in rows)


async def count_late(
    connection: Connection, at: datetime, settings: Settings, scope: Scope = EVERYTHING
) -> tuple[int, bool]:
    """How many ``read_late`` would read; and whether there are more."""
    [counts] = await connection.fetch(SQL["count_late"], at, settings.announce.late_after, MOST_LATE, *scope)
    return counts["waiting"] + counts["started"], MOST_LATE in tuple(counts)


async def count_failed(
    connection: Connection, at: datetime, scope: Scope = EVERYTHING, *, most: int = MOST_FAILED
) -> tuple[int, bool]:
    """How many ``read_failed`` would read; and whether there may be more."""
    [counts] = await connection.fetch(SQL["count_failed"], at, most, FAILURE_IS_TOLD_FOR, *scope)
    return counts["runs"], counts["looked_at"] == most


async def read_verification(connection: Connection) -> Verified | None:
    """The newest verification that the service recorded."""
    row = await connection.fetchrow(SQL["verification"])
    return None if row is None else read(Verified, row)


async def _of_vendors(
    connection: Connection, sql: Mapping[str, str], watches: Collection[Watch], at: datetime
) -> list[Condition]:
    """Unhealthy endpoints that affect somebody, and used-up probe allowances."""
    by_name = {watch.endpoint: watch for watch in watches}
    endpoints = [
        read(VendorEndpoint, row, verdict=Verdict(row["verdict"]))
        for row in await connection.fetch(sql["endpoints"], at, list(by_name))
    ]
    told = [one for one in endpoints if is_told(one)]
    pairs = [(one.endpoint, kind) for one in told for kind in by_name[one.endpoint].integration_types]
    names, kinds = [name for name, _ in pairs], [kind for _, kind in pairs]
    rows = await _of_application(connection, sql["touched"], names, kinds, MOST_LIVE)
    affected = {row["endpoint"]: (row["org_ids"], row["looked_at"] >= MOST_LIVE) for row in rows or ()}
    found = []
    for one in told:
        org_ids, is_cut = affected.get(one.endpoint, ([], rows is None))
        if org_ids or is_cut:
            found.append(unwell(one, by_name[one.endpoint], org_ids, is_cut=is_cut))
    for one in endpoints:
        found += used_up(one, by_name[one.endpoint], at)
    return found


async def _read_names(connection: Connection, sql: Mapping[str, str], org_ids: Collection[str]) -> Names:
    rows = await _of_application(connection, sql["names"], list(org_ids))
    return {row["org_id"]: row["name"] for row in rows or ()}


async def _of_application(connection: Connection, statement: str, *arguments: object) -> Sequence[Record] | None:
    """The rows from the application's own tables; None if they can't be read: the conditions are reported without."""
    try:
        async with connection.transaction():
            return await connection.fetch(statement, *arguments)
    except PostgresError as error:
        log.debug("told without what the application's tables say", reason=str(error))
        return None
