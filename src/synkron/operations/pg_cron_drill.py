"""A drill of the second clock: the schedulers rest, pg_cron claims, and the result is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.errors import Refused
from synkron.operations.pg_cron import SQL, read_clock
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.runtime import sleep

# A run may start this long after its moment before the drill counts it as unclaimed.
SETTLE = timedelta(seconds=5)


async def drill(connection: Connection, length: timedelta, begun: Callable[[datetime], None]) -> Sequence[Record]:
    """Let the schedulers rest for the length. Returns a row for each moment that was due, as in ``drilled``.

    ``begun`` is told until when they rest. Raises Refused if pg_cron does not claim.
    """
    clock = await read_clock(connection)
    if clock is None or not clock.claims:
        raise Refused(
            "pg_cron claims nothing here, so there is nothing to drill. `synkron pg-cron install` sets it up."
        )
    start = await database_clock(connection)
    try:
        end = await connection.fetchval(SQL["rest"], length)
        begun(end)
        await sleep((length + SETTLE).total_seconds())
    finally:
        await connection.execute(SQL["end_rest"])
    # What a scheduler had claimed before it rested, half a minute ahead, was not pg_cron's.
    return await connection.fetch(SQL["drilled"], start, end)
