"""The ledger: what was decided. Every change is one conditional statement; ``attempts`` has those of the runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeAlias
from uuid import UUID

from asyncpg import LockNotAvailableError, Record

from synkron.ledger.queue import enqueue
from synkron.model import Decision, Occurrences, Run, Source, Window, run_key
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements

SQL = statements("ledger/claims")
# How many rows one statement writes: as many as fit into a socket's buffer, so that they are sent off at once.
BATCH = 500
# How many moments one statement asks for: what it holds the loop up for is some milliseconds.
ASKED = 2_000
# How far ahead of the clock a moment may lie that is claimed, with some to spare.
CLAIMED_AHEAD = timedelta(minutes=5)

Row: TypeAlias = tuple[Decision, datetime, datetime | None, int]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim wrote: the runs that will be delivered, and how many decisions were recorded as skipped."""

    run_ids: tuple[int, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class Read:
    """What a tick read: how many occurrences, how many rows that can't be fired, and a ``pg_snapshot`` from before."""

    due: int
    invalid: int
    sight: str | None = None


async def lock_watermark(connection: Connection) -> datetime:
    """The watermark, locked until the caller's transaction ends, so that ticks come one after the other."""
    await connection.execute(SQL["first_watermark"])
    watermark: datetime = await connection.fetchval(SQL["watermark"])
    return watermark


async def continued(connection: Connection, due: Sequence[Occurrences]) -> list[Occurrences]:
    """What is due, its first period beginning where the last one ended that was decided of its integration (G5)."""
    if not due:
        return []
    continued = list(due)
    ids = [one.integration.integration_id for one in due]
    firsts = [one.moments[0] for one in due]
    for row in await connection.fetch(SQL["ended"], ids, firsts, [one.period_start for one in due]):
        index = row["number"] - 1
        continued[index] = replace(due[index], period_start=row["ended"])
    return continued


async def undecided(connection: Executor, runs: Sequence[Decision]) -> list[Decision]:
    """Those of the runs whose moment nobody has decided before."""
    found: list[Decision] = []
    for start in range(0, len(runs), ASKED):
        some = runs[start : start + ASKED]
        ids = [run.integration.integration_id for run in some]
        classes = [run.source.value for run in some]
        moments = [run.moments[0] for run in some]
        numbers = await connection.fetch(SQL["undecided"], ids, moments, classes)
        found += [some[row["number"] - 1] for row in numbers]
    return found


async def claim(
    connection: Connection, decisions: Iterable[Decision], *, tick_id: int | None, installation: UUID
) -> Claimed:
    """Write the decisions that nobody made before and enqueue their runs, in the caller's transaction.

    Keys derive from the ``installation``, which the caller has read in this transaction: an id that a process remembers
    may be that of the ledger that this one was copied from. Rows go in batches, so that the moments of an outage are
    never in memory at once as rows. While the database writes one, the next is made ready.
    """
    run_ids: list[int] = []
    skipped = 0
    rows = (row for decision in decisions for row in _rows(decision))
    batch = _next_batch(rows, installation)
    while batch:
        writing = asyncio.create_task(connection.fetch(SQL["claim"], tick_id, *batch))
        try:
            await asyncio.wait({writing}, timeout=0)  # so that it is sent off
            batch = _next_batch(rows, installation)
            (written,) = await writing
        finally:
            if not writing.done():
                writing.cancel()
                await asyncio.wait({writing})
        run_ids += written["run_ids"]
        skipped += written["skipped"]
    return Claimed(tuple(run_ids), skipped)


async def move_watermark(connection: Connection, to: datetime) -> None:
    """Everything up to ``to`` is decided. The watermark never moves back."""
    await connection.execute(SQL["move_watermark"], to)


async def recover(connection: Connection) -> int:
    """Give every unfinished run that lost its job a new one; answers how many."""
    adrift = await connection.fetch(SQL["adrift"])
    await enqueue(connection, adrift, [timedelta()] * len(adrift))
    return len(adrift)


async def open_tick(
    connection: Connection, at: datetime, window: Window, read: Read, *, source: str, scheduler: str
) -> int:
    """Write the tick's own row; answers its number."""
    number: int = await connection.fetchval(
        SQL["record_tick"], at, window.start, window.end, source, scheduler, read.due, read.invalid, read.sight
    )
    return number


async def close_tick(connection: Connection, tick_id: int, claimed: Claimed) -> None:
    """Complete the tick's row with what it claimed."""
    await connection.execute(SQL["complete_tick"], tick_id, len(claimed.run_ids), claimed.skipped)


async def keep_partitions(connection: Executor, first: datetime, now: datetime, retention: timedelta) -> None:
    """Have the partitions from ``first``, but none that ended before ``retention``, to what may be claimed ``now``.

    One that is missing is waited for, should somebody hold a lock on the tables; ``make_partitions_ahead`` sees to it
    that there is hardly ever one.
    """
    await connection.execute(SQL["keep_partitions"], max(first, now - retention), now + CLAIMED_AHEAD)


async def make_partitions_ahead(connection: Connection) -> bool:
    """Have the partitions of the next two months, so that no tick needs to make one.

    False when somebody holds a lock on the tables, ``analyze`` say: then it is for the next time.
    """
    try:
        async with connection.transaction():
            await connection.execute(SQL["wait_briefly"])
            await connection.execute(SQL["make_partitions_ahead"])
    except LockNotAvailableError:
        return False
    return True


async def forget(connection: Connection, now: datetime, retention: timedelta) -> bool:
    """Delete what lies beyond ``retention``: what the queue and the ticks left behind, and the partitions that ended.

    False when somebody uses one of those, or holds the watermark: then none is dropped, as all would wait for it.
    """
    await connection.execute(SQL["forget"], now, now - retention)
    try:
        async with connection.transaction():
            await connection.execute(SQL["wait_briefly"])
            # A backfill or a retry may be about to need an old month.
            await lock_watermark(connection)
            await connection.execute(SQL["drop_partitions"], now - retention)
    except LockNotAvailableError:
        return False
    return True


def run_of(row: Record) -> Run:
    """The run that a row of the ledger holds."""
    return Run(
        id=row["id"],
        key=row["key"],
        integration_id=row["integration_id"],
        org_id=row["org_id"],
        integration_type=row["integration_type"],
        source=Source(row["source"]),
        scheduled_for=row["scheduled_for"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        attempt=row["attempt"],
        failures=row["failures"],
        crashes=row["crashes"],
        drift=row["drift"],
    )


def _rows(decision: Decision) -> Iterator[Row]:
    """The decision with each of its moments, and where the moment's period starts; or once, for all."""
    if decision.in_summary:
        yield decision, decision.moments[-1], decision.period_start, len(decision.moments)
        return
    start = decision.period_start
    for moment in decision.moments:
        yield decision, moment, start, 1
        start = moment


def _next_batch(rows: Iterator[Row], installation: UUID) -> tuple[list[object], ...] | None:
    batch = list(islice(rows, BATCH))
    return _columns(batch, installation) if batch else None


def _columns(rows: Sequence[Row], installation: UUID) -> tuple[list[object], ...]:
    """The rows as the statement's arrays: the decisions, and the moments with their decision's number."""
    numbers: dict[int, int] = {}
    decisions = []
    for decision, *_ in rows:
        if id(decision) not in numbers:
            decisions.append(decision)
            numbers[id(decision)] = len(decisions)
    return (
        [one.integration.integration_id for one in decisions],
        [one.integration.org_id for one in decisions],
        [one.integration.integration_type for one in decisions],
        [one.source.value for one in decisions],
        [one.action.value for one in decisions],
        [one.reason for one in decisions],
        [one.integration.cron_schedule for one in decisions],
        [None if one.integration.timezone is None else str(one.integration.timezone) for one in decisions],
        [one.execute_after for one in decisions],
        [numbers[id(decision)] for decision, *_ in rows],
        [
            run_key(installation, decision.integration.integration_id, decision.source, moment)
            for decision, moment, *_ in rows
        ],
        [moment for _, moment, *_ in rows],
        [start for *_, start, _ in rows],
        [occurrences for *_, occurrences in rows],
    )
