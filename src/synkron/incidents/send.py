"""Sends the announcements that are due: claims them, sends each to its channel, and records the result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.backoff import doubled
from synkron.incidents.channels import Channels
from synkron.incidents.lifecycle import Occasion
from synkron.incidents.message import message_of, report_message
from synkron.incidents.store import incident_of
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.runtime import log

SQL = statements("incidents/store")
# Longer than one send may take: after it, the announcement of a process that died meanwhile is sent again.
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)


# requirement R17.5
async def deliver_due(
    connection: Connection, channels: Channels, at: datetime, only: Collection[str] | None = None
) -> int:
    """Send what is due at ``at``, one announcement for each channel (or those in ``only``); returns how many it tried.

    1. Give up announcements whose channel no process has in its settings.
    2. Claim the due ones in one statement: other callers get others, or none.
    3. Send to all channels concurrently, within 30 s each; no transaction is open meanwhile.
    4. Record what was sent, and when to retry what was not; after 24 h it is given up.

    Call it again, with the new time of the clock, until it returns 0.
    """
    names = list(channels.by_name)
    for gone in await connection.fetch(SQL["abandon"], names, at):
        log.warning("announcement given up", announcement=gone["id"], channel=gone["channel"], reason="no such channel")
    claimed = await connection.fetch(SQL["claim"], names if only is None else list(only), at, LEASE)
    turn = asyncio.Lock()
    await asyncio.gather(*(_deliver(connection, turn, channels, row, at) for row in claimed))
    return len(claimed)


def next_wait(attempts: int) -> timedelta:
    """The wait after this many attempts."""
    return doubled(FIRST_WAIT, attempts - 1, LONGEST_WAIT)


async def _deliver(connection: Connection, turn: asyncio.Lock, channels: Channels, row: Record, at: datetime) -> None:
    """Send one, and record the result at once: it must not wait for a slower channel.

    ``turn`` is for the connection, which does one thing at a time.
    """
    if row["report"] is not None:
        message = report_message(row["number"], json.loads(row["message"]), row["made_at"], at)
    else:
        message = message_of(row["number"], Occasion(row["transition"]), incident_of(row), row["made_at"], at)
    error = await channels.send(row["channel"], message)
    async with turn:
        if error is None:
            await connection.execute(SQL["sent"], row["number"], at)
        else:
            await _record_failure(connection, row, error, at)


async def _record_failure(connection: Connection, row: Record, error: str, at: datetime) -> None:
    is_over = at - row["made_at"] >= GIVE_UP_AFTER
    again = None if is_over else at + next_wait(row["attempts"])
    await connection.execute(SQL["failed"], row["number"], error, again, at)
    log.warning(
        "announcement given up" if is_over else "announcement not delivered",
        announcement=row["number"],
        incident=row["id"],
        channel=row["channel"],
        attempt=row["attempts"],
        reason=error,
        again_at=None if again is None else again.isoformat(),
    )
