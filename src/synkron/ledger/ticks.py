"""The rows of the ticks, and the watermark: everything up to it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.ledger.claims import Claimed
from synkron.model import Window
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements

SQL = statements("ledger/ticks")
# Ticks come every half minute; those of an external caller perhaps every minute.
LONGEST_BETWEEN_TICKS = timedelta(minutes=2, seconds=30)


@dataclass(frozen=True, slots=True)
class NewestTick:
    """The newest tick that moved the watermark. ``source`` is 'service', 'once' or 'pg_cron'."""

    at: datetime
    scheduler: str
    source: str


@dataclass(frozen=True, slots=True)
class TickFigures:
    """What a tick read: the number of occurrences and of invalid rows, and a ``pg_snapshot`` from before the read."""

    due: int
    invalid: int
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedTick:
    """A tick: the window that it decided, and how many occurrences were due, claimed and skipped, and rows invalid."""

    id: int
    at: datetime
    window_start: datetime
    window_end: datetime
    source: str
    scheduler: str
    due: int
    claimed: int
    skipped: int
    invalid: int


async def ticks(connection: Executor, *, before: tuple[datetime, int] | None = None, limit: int) -> list[RecordedTick]:
    """The ticks, the newest first, after the one with the moment and number ``before``."""
    return [read(RecordedTick, row) for row in await connection.fetch(SQL["ticks"], *(before or (None, None)), limit)]


async def read_newest_tick(connection: Connection) -> NewestTick | None:
    """The newest tick that moved the watermark; None before the first."""
    row = await connection.fetchrow(SQL["newest"])
    return None if row is None else read(NewestTick, row)


async def lock_watermark(connection: Connection) -> datetime:
    """The watermark, locked until the caller's transaction ends, so that ticks run one after the other."""
    await connection.execute(SQL["first_watermark"])
    watermark: datetime = await connection.fetchval(SQL["watermark"])
    return watermark


async def move_watermark(connection: Connection, to: datetime) -> None:
    """Record that everything up to ``to`` is decided. The watermark never moves back."""
    await connection.execute(SQL["move_watermark"], to)


async def open_tick(
    connection: Connection, at: datetime, window: Window, read: TickFigures, *, source: str, scheduler: str
) -> int:
    """Write the tick's own row. Returns its number."""
    number: int = await connection.fetchval(
        SQL["record_tick"], at, window.start, window.end, source, scheduler, read.due, read.invalid, read.snapshot
    )
    return number


async def close_tick(connection: Connection, tick_id: int, claimed: Claimed) -> None:
    """Add to the tick's row what it claimed."""
    await connection.execute(SQL["complete_tick"], tick_id, len(claimed.run_ids), claimed.skipped)
