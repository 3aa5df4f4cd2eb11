"""Refreshes the copy that the overview is sorted and searched by (docs/decisions/0039-the-overview-is-a-copy.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.errors import CronError, ZoneError
from synkron.model import Steps
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.runtime import by_turns
from synkron.settings.load import Settings
from synkron.source.parsed_texts import KNOWN
from synkron.source.queries import SourceQueries
from synkron.source.reader import zone_of

FILE = "service/overview/refresh"
# How many integrations are measured at a time, and how many new runs are looked at.
MOST_MEASURED = 20_000
# The copy is refreshed this often at most, and for one part in so many of the time at most.
LEAST_BETWEEN = timedelta(seconds=1)
SHARE = 20
# A refresh that takes no longer is waited for.
QUICK = timedelta(milliseconds=100)

NextMoments = tuple[list[int], list[datetime | None], list[bool]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many rows there are, were written, and are gone; and how many integrations were measured again."""

    rows: int
    written: int
    gone: int
    measured: int


@dataclass(frozen=True, slots=True)
class Due:
    """Whether the copy is to be refreshed, and whether that is quick, so that a page may wait for it.

    ``at`` is when the last refresh began; None if there was none.
    """

    is_due: bool
    is_quick: bool
    at: datetime | None


async def read_due(connection: Connection, settings: Settings) -> Due:
    """How old the copy is. A copy that does not exist is due, and waited for. Raises LedgerMissing."""
    source = SourceQueries(settings.source)
    async with source.in_words():
        row = await connection.fetchrow(source.sql(FILE)["last"])
    if row is None:
        return Due(is_due=True, is_quick=True, at=None)
    age = row["now"] - row["at"]
    return Due(age >= max(LEAST_BETWEEN, SHARE * row["took"]), row["took"] <= QUICK, row["at"])


async def refresh(connection: Connection, settings: Settings) -> Refreshed | None:
    """Make the copy equal to the tables, and measure what may have changed; None if another process is doing it.

    Costs a read of both tables, some seconds for a million rows, and a fraction of a millisecond for each new run,
    measured in parts that are seen one by one. Raises ServiceRoleRequired, SourceTableMissing and
    LedgerMissing.
    """
    source = SourceQueries(settings.source)
    sql = source.sql(FILE)
    async with source.in_words(), connection.transaction(isolation="read_committed"):
        if not await connection.fetchval(sql["alone"]):
            return None
        await source.secure(connection)
        await connection.execute(sql["room"])
        [rows] = await connection.fetch(sql["rows"], list(settings.types))
        if rows["gone"] or rows["written"]:
            await connection.execute(sql["count"])
            await connection.execute(sql["forget"])
        now = await database_clock(connection)
        passed = await connection.fetch(sql["passed"], now)
        if passed:
            await connection.execute(sql["schedules"], *await by_turns(_next_moments(passed, now)))
        await connection.execute(sql["record"])
    measured, is_more = 0, True
    while is_more:
        async with source.in_words(), connection.transaction(isolation="read_committed"):
            if not await connection.fetchval(sql["alone"]):
                break
            await source.secure(connection)
            some, is_more = await _measure(connection, sql)
            measured += some
    return Refreshed(**rows, measured=measured)


async def _measure(connection: Connection, sql: Mapping[str, str]) -> tuple[int, bool]:
    """Measure some of the integrations whose figures may have changed: how many, and whether there are more."""
    last = await connection.fetchrow(sql["last"])
    [claimed] = await connection.fetch(sql["claimed"], last["seen_run"] if last else 0, MOST_MEASURED)
    open_ones = await connection.fetch(sql["open"], MOST_MEASURED)
    measured = {*(claimed["integration_ids"] or ()), *(row["integration_id"] for row in open_ones)}
    if measured:
        await connection.execute(sql["measure"], sorted(measured))
    if claimed["seen"] is not None:
        await connection.execute(sql["seen"], claimed["seen"])
    are_new = sum(row["is_new"] for row in open_ones)
    return len(measured), MOST_MEASURED in (claimed["runs"], are_new)


def _next_moments(rows: Iterable[Record], now: datetime) -> Steps[NextMoments]:
    """The numbers of the schedules, the next moment of each, None for never, and whether each is valid."""
    numbers: list[int] = []
    moments: list[datetime | None] = []
    valid: list[bool] = []
    for row in rows:
        cron, zone = KNOWN.expression(row["cron_schedule"]), KNOWN.zone(zone_of(row))
        is_valid = not isinstance(cron, CronError) and not isinstance(zone, ZoneError)
        numbers.append(row["id"])
        valid.append(is_valid)
        moments.append(cron.next_after(now, zone) if is_valid else None)  # type: ignore[union-attr,arg-type]
        yield
    return numbers, moments, valid
