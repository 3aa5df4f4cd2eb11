"""Reads the facts behind the conditions, in the same few statements however large the tables are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from asyncpg import PostgresError, Record

from synkron.incidents.condition import Condition
from synkron.incidents.conditions.cold_starts import ColdStarts, cold
from synkron.incidents.conditions.expired_moments import Expired, expired
from synkron.incidents.conditions.failed_runs import FailedRun, Verified, failed, verified
from synkron.incidents.conditions.internal_faults import InternalFault, internal
from synkron.incidents.conditions.invalid_rows import invalid as of_rows
from synkron.incidents.conditions.late_runs import late
from synkron.incidents.conditions.tick_gaps import TickGap, tick_gaps
from synkron.incidents.conditions.tzdata import tzdata_differs
from synkron.incidents.conditions.unhealthy_vendors import (
    AffectedOrganizations,
    VendorEndpoint,
    is_told,
    unwell,
    used_up,
)
from synkron.incidents.conditions.wording import MOST_IDS, Names
from synkron.ledger.drift import LateRun
from synkron.ledger.history import late_run_of
from synkron.ledger.nodes import silence
from synkron.model import InvalidIntegration
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.runtime import log
from synkron.settings.load import Settings
from synkron.source.oddity import NOTHING
from synkron.source.queries import SourceQueries, secure
from synkron.vendors.health import Verdict, Watch

# Ticks come every half minute; those of an external caller perhaps every minute.
LONGEST_BETWEEN_TICKS = timedelta(minutes=2, seconds=30)
GAP_IS_TOLD_FOR = timedelta(minutes=15)
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
        await secure(connection)
        late_runs, late_is_cut = await _late_runs(connection, sql, settings.announce.late_after, at)
        failed_runs, failed_is_cut = await _failed_runs(connection, sql, at)
        vendors = await _vendors(connection, sql, watches, at)
        gaps = await connection.fetch(sql["tick_gaps"], at, LONGEST_BETWEEN_TICKS, GAP_IS_TOLD_FOR, MOST_CAUGHT_UP)
        cold_starts = await connection.fetch(sql["cold_starts"], at, MOST_COLD)
        expired_ones = await connection.fetch(sql["expired"], at, MOST_EXPIRED)
        versions = await connection.fetch(sql["tzdata"], at, silence(settings.heartbeat))
        verification = await connection.fetchrow(sql["verification"])
        faults = await connection.fetch(sql["internal_faults"], at, FAULT_IS_TOLD_FOR, MOST_FAULTS)
        whose: list[Sequence[_OfOrganization]] = [late_runs, failed_runs, invalid[:MOST_NAMED]]
        org_ids = {one.org_id: None for rows in whose for one in rows if one.org_id != NOTHING}
        names = await _read_names(connection, sql, list(org_ids))
    return [
        *late(late_runs, names, is_cut=late_is_cut),
        *failed(failed_runs, names, is_cut=failed_is_cut),
        *(unwell(*vendor) for vendor in vendors if is_told(vendor[0]) and (vendor[2].total or vendor[2].is_cut)),
        *(condition for endpoint, watch, _ in vendors for condition in used_up(endpoint, watch, at)),
        *of_rows(invalid, names, at),
        *tick_gaps([_gap(row) for row in gaps], at),
        *cold([read(ColdStarts, row, is_cut=row["looked_at"] >= MOST_COLD) for row in cold_starts]),
        *expired([read(Expired, row, is_cut=row["looked_at"] >= MOST_EXPIRED) for row in expired_ones]),
        *tzdata_differs({row["tzdata"]: row["nodes"] for row in versions}, at),
        *verified(None if verification is None else Verified(**verification)),
        *internal([InternalFault(**row) for row in faults]),
    ]


class _OfOrganization(Protocol):
    @property
    def org_id(self) -> str: ...


async def _late_runs(
    connection: Connection, sql: Mapping[str, str], late_after: timedelta, at: datetime
) -> tuple[list[LateRun], bool]:
    """The late runs, waiting or started, and whether there may be more."""
    waiting = await connection.fetch(sql["waiting"], at, late_after, MOST_LATE)
    started = await connection.fetch(sql["started_late"], at, late_after, MOST_LATE)
    return [late_run_of(row, at) for row in (*waiting, *started)], MOST_LATE in (len(waiting), len(started))


async def _failed_runs(connection: Connection, sql: Mapping[str, str], at: datetime) -> tuple[list[FailedRun], bool]:
    """The failed runs that no later success makes up for, and whether there may be more."""
    rows = await connection.fetch(sql["failed"], at, MOST_FAILED)
    runs = [read(FailedRun, row, run_id=row["id"]) for row in rows]
    return runs, any(row["looked_at"] == MOST_FAILED for row in rows)


async def _vendors(
    connection: Connection, sql: Mapping[str, str], watches: Collection[Watch], at: datetime
) -> list[tuple[VendorEndpoint, Watch, AffectedOrganizations]]:
    """What is known about each endpoint, and who is affected if it is unhealthy."""
    by_name = {watch.endpoint: watch for watch in watches}
    endpoints = [_endpoint(row, at) for row in await connection.fetch(sql["endpoints"], at, list(by_name))]
    unwell_ones = [one.endpoint for one in endpoints if is_told(one)]
    pairs = [(name, kind) for name in unwell_ones for kind in by_name[name].integration_types]
    rows = await _of_application(
        connection, sql["touched"], [pair[0] for pair in pairs], [pair[1] for pair in pairs], MOST_LIVE
    )
    touched = {row["endpoint"]: _touched(row) for row in rows or ()}
    nobody = AffectedOrganizations([], 0, is_cut=rows is None)
    return [(one, by_name[one.endpoint], touched.get(one.endpoint, nobody)) for one in endpoints]


def _endpoint(row: Record, at: datetime) -> VendorEndpoint:
    verdict = None if row["verdict"] is None else Verdict(row["verdict"])
    return read(VendorEndpoint, row, verdict=verdict, reason=row["reason"] or "", since=row["since"] or at)


def _touched(row: Record) -> AffectedOrganizations:
    return AffectedOrganizations(row["org_ids"][:MOST_IDS], len(row["org_ids"]), is_cut=row["looked_at"] >= MOST_LIVE)


def _gap(row: Record) -> TickGap:
    return TickGap(**row, is_cut=row["runs"] + row["others"] >= MOST_CAUGHT_UP)


async def _read_names(connection: Connection, sql: Mapping[str, str], org_ids: Sequence[str]) -> Names:
    id_type = await connection.fetchval(sql["organization_id_type"])
    if id_type is None:
        return {}
    statement = sql["names"].replace("ID_TYPE", id_type)
    return {row["org_id"]: row["name"] for row in await _of_application(connection, statement, org_ids) or ()}


async def _of_application(connection: Connection, statement: str, *arguments: object) -> Sequence[Record] | None:
    """The rows from the application's own tables; None if they can't be read: the conditions are reported without."""
    try:
        async with connection.transaction():
            return await connection.fetch(statement, *arguments)
    except PostgresError as error:
        log.debug("told without what the application's tables say", reason=str(error))
        return None
