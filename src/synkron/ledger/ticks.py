"""The rows of the ticks, and the watermark: everything up to it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.ledger.claims import Claimed
from synkron.model import Window
from synkron.postgres.connection import Connection
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
