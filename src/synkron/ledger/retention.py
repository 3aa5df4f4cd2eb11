"""The ledger's partitions: made ahead of time, dropped when they are older than the retention."""

from __future__ import annotations

from datetime import datetime, timedelta

from asyncpg import LockNotAvailableError

from synkron.ledger.ticks import lock_watermark
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements

SQL = statements("ledger/retention")

# How far in the future a claimed moment may be, with a margin.
CLAIMED_AHEAD = timedelta(minutes=5)


async def keep_partitions(connection: Executor, first: datetime, now: datetime, retention: timedelta) -> None:
    """Create the missing partitions from ``first`` (none older than ``retention``) to what can be claimed ``now``.

    If another session has a lock on the tables, this waits for it; ``make_partitions_ahead`` makes that rare.
    """
    await connection.execute(SQL["keep_partitions"], max(first, now - retention), now + CLAIMED_AHEAD)


async def make_partitions_ahead(connection: Connection) -> bool:
    """Create the partitions of the next two months, so that no tick has to.

    False if another session holds a lock on the tables, for example ``analyze``: then the next call does it.
    """
    try:
        async with connection.transaction():
            await connection.execute(SQL["wait_briefly"])
            await connection.execute(SQL["make_partitions_ahead"])
    except LockNotAvailableError:
        return False
    return True


async def forget(connection: Connection, now: datetime, retention: timedelta) -> bool:
    """Delete what is older than ``retention`` (records of the queue and of ticks, whole partitions) and what expired.

    False if another session uses one of these partitions or holds the watermark. Then no partition is dropped, because
    all sessions would wait for it.
    """
    await connection.execute(SQL["forget"], now, now - retention)
    try:
        async with connection.transaction():
            await connection.execute(SQL["wait_briefly"])
            # A backfill or a retry may be about to use an old month.
            await lock_watermark(connection)
            await connection.execute(SQL["drop_partitions"], now - retention)
    except LockNotAvailableError:
        return False
    return True
