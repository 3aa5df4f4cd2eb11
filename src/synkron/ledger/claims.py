"""Claims: decisions written to the ledger. Every change is one conditional statement. Runs' attempts: ``attempts``."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TypeAlias
from uuid import UUID

from asyncpg import Record

from synkron.ledger.decided import DecidedMoment
from synkron.ledger.keys import run_key
from synkron.ledger.queue import enqueue
from synkron.model import Decision, Integration, Occurrences, Run, Source
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements

SQL = statements("ledger/claims")
# The rows that one statement writes: as many as fit into a socket's buffer, so that they are sent at once.
BATCH = 500
# The moments that one statement asks for: preparing them blocks the event loop for a few milliseconds.
ASKED = 2_000

Row: TypeAlias = tuple[Decision, datetime, datetime | None, int]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim wrote: the runs that will be delivered, and the number of decisions recorded as skipped."""

    run_ids: tuple[int, ...]
    skipped: int


async def continued(connection: Connection, due: Sequence[Occurrences]) -> list[Occurrences]:
    """What is due, with each integration's first period starting at the end of its last decided period (G5)."""
    if not due:
        return []
    continued = list(due)
    ids = [one.integration.integration_id for one in due]
    firsts = [one.moments[0] for one in due]
    for row in await connection.fetch(SQL["ended"], ids, firsts, [one.period_start for one in due]):
        index = row["number"] - 1
        continued[index] = replace(due[index], period_start=row["ended"])
    return continued


async def decided(connection: Connection, due: Sequence[Occurrences]) -> Mapping[str, Sequence[DecidedMoment]]:
    """What is decided of the due moments, by integration, with the run in whose period the last of them may lie."""
    found: dict[str, list[DecidedMoment]] = defaultdict(list)
    for start in range(0, len(due), ASKED):
        some = due[start : start + ASKED]
        ids = [one.integration.integration_id for one in some]
        first, last = [one.moments[0] for one in some], [one.moments[-1] for one in some]
        for row in await connection.fetch(SQL["decided"], ids, first, last):
            found[row["integration_id"]].append(read(DecidedMoment, row))
    return found


async def undecided(connection: Executor, runs: Sequence[Decision]) -> list[Decision]:
    """Those of the runs whose moment has not been decided yet."""
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
    """Write the decisions that do not exist yet and enqueue their runs, in the caller's transaction.

    Keys derive from the ``installation``, which the caller has read in this transaction: an id that a process remembers
    may belong to the ledger that this one was copied from. Rows are written in batches, so that an outage's moments are
    never all in memory as rows. While the database writes one batch, the next is prepared.
    """
    run_ids: list[int] = []
    skipped = 0
    rows = (row for decision in decisions for row in _rows(decision))
    batch = _next_batch(rows, installation)
    while batch:
        writing = asyncio.create_task(connection.fetch(SQL["claim"], tick_id, *batch))
        try:
            await asyncio.wait({writing}, timeout=0)  # lets the task send it
            batch = _next_batch(rows, installation)
            (written,) = await writing
        finally:
            if not writing.done():
                writing.cancel()
                await asyncio.wait({writing})
        run_ids += written["run_ids"]
        skipped += written["skipped"]
    return Claimed(tuple(run_ids), skipped)


async def requeue_lost(connection: Connection) -> int:
    """Enqueue a new job for every unfinished run that has lost its job. Returns how many."""
    return await enqueue(connection, await connection.fetch(SQL["without_job"]))


def run_of(row: Record) -> Run:
    """The run in a row of the ledger."""
    return read(Run, row, source=Source(row["source"]))


def recorded_zone(integration: Integration) -> str | None:
    """The zone of the row as the ledger records it: text, which is compared with the row's later."""
    return None if integration.timezone is None else str(integration.timezone)


def _rows(decision: Decision) -> Iterator[Row]:
    """The decision with each of its moments and the start of the moment's period; or once, in summary."""
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
    """The rows as the statement's arrays: the decisions, and the moments with the number of their decision."""
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
        [recorded_zone(one.integration) for one in decisions],
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
