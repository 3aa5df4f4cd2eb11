"""Sends the announcements that are due: claims them, sends each to its channel, and records the result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
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
    """Send what is due at ``at``, one message for each channel (or those in ``only``); returns how many it tried.

    1. Give up announcements whose channel no process has in its settings.
    2. Claim the due ones in one statement: other callers get others, or none. Where people read, what was announced at
       the same moment is one message.
    3. Send to all channels concurrently, within 30 s each; no transaction is open meanwhile.
    4. Record what was sent, and when to retry what was not; after 24 h it is given up.

    Call it again, with the new time of the clock, until it returns 0.
    """
    names = list(channels.by_name)
    for gone in await connection.fetch(SQL["abandon"], names, at):
        log.warning(
            "announcement given up", announcement_id=gone["id"], channel=gone["channel"], reason="no such channel"
        )
    wanted = names if only is None else list(only)
    by_channel: dict[str, list[Record]] = {}
    for row in await connection.fetch(SQL["claim"], wanted, at, LEASE, list(channels.for_people)):
        by_channel.setdefault(row["channel"], []).append(row)
    turn = asyncio.Lock()
    await asyncio.gather(*(_deliver(connection, turn, channels, rows, at) for rows in by_channel.values()))
    return len(by_channel)


def next_wait(attempts: int) -> timedelta:
    """The wait after this many attempts."""
    return doubled(FIRST_WAIT, attempts - 1, LONGEST_WAIT)


async def _deliver(
    connection: Connection, turn: asyncio.Lock, channels: Channels, rows: Sequence[Record], at: datetime
) -> None:
    """Send one message, and record the result at once: it must not wait for a slower channel.

    ``rows`` are its announcements. ``turn`` is for the connection, which does one thing at a time.
    """
    first = rows[0]
    if first["report"] is not None:
        message = report_message(first["number"], json.loads(first["message"]), first["made_at"], at)
    else:
        incidents = [incident_of(row) for row in rows]
        message = message_of(first["number"], Occasion(first["transition"]), incidents, first["made_at"], at)
    error = await channels.send(first["channel"], message)
    async with turn:
        if error is None:
            await connection.execute(SQL["sent"], [row["number"] for row in rows], at)
        else:
            await _record_failure(connection, rows, error, at)


async def _record_failure(connection: Connection, rows: Sequence[Record], error: str, at: datetime) -> None:
    row = rows[0]
    is_over = at - row["made_at"] >= GIVE_UP_AFTER
    again = None if is_over else at + next_wait(row["attempts"])
    await connection.execute(SQL["failed"], [one["number"] for one in rows], error, again, at)
    log.warning(
        "announcement given up" if is_over else "announcement not delivered",
        announcement_id=row["number"],
        incident_id=row["id"],
        channel=row["channel"],
        attempt=row["attempts"],
        reason=error,
        again_at=None if again is None else again.isoformat(),
    )
