"""Silent connections: they are found by asking the server on another connection, and dropped.

A limit on the duration of statements can't tell a slow statement from a dead connection: the tick that ends an outage,
a migration or a verification may take minutes. But the server can: while it works on a statement, its session is
active. If the session waits for the client instead, the statement or its answer was lost.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from weakref import WeakSet

import asyncpg
from asyncpg.exceptions import InsufficientPrivilegeError, PostgresError

from synkron.postgres.address import address_of
from synkron.postgres.statements import statements
from synkron.postgres.watch import Session, WatchedConnection
from synkron.runtime import log, sleep

SQL = statements("postgres/sessions")
HEARTBEAT = timedelta(seconds=30)
# Fractions of the heartbeat: the age at which a statement is checked, the time between checks, and the time that a
# check may take. Two checks must agree. So a silent connection is dropped after a third of the heartbeat, or after two
# thirds if new connections are silent too.
PATIENCE = 1 / 6
LOOK_EVERY = 1 / 15
ANSWER_WITHIN = 1 / 6
SHORTEST_ANSWER = 1.0
# Heartbeats after which a statement is given up if the server can't be asked about it: the server accepts no more
# connections, or it is behind a transaction pooler.
LONGEST_IN_DOUBT = 10


# By URL: the sessions that this process has dropped. They may still hold locks on the server.
_left_behind: defaultdict[str, set[Session]] = defaultdict(set)


async def end_left_behind(url: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """End the sessions that were dropped while the server could not be reached."""
    sessions = _left_behind.pop(url, None)
    if sessions:
        try:
            await connection.execute(SQL["end"], *_columns(sessions))
        except InsufficientPrivilegeError as error:
            log.warning("silent sessions not ended", reason=str(error))
        except BaseException:
            _left_behind[url] |= sessions
            raise


class _Asked(NamedTuple):
    """A statement under way: its connection, and when it was sent by the event loop's clock."""

    connection: WatchedConnection
    at: float


@asynccontextmanager
async def watching(url: str, heartbeat: timedelta) -> AsyncIterator[SilenceGuard]:
    """Watch the connections that are added, until the end of the block."""
    silence = SilenceGuard(url, heartbeat)
    watch = asyncio.create_task(silence.watch())
    try:
        yield silence
    finally:
        watch.cancel()
        await asyncio.wait({watch})


class SilenceGuard:
    """Drops silent connections; their callers get ConnectionDoesNotExistError. ``when_dropped`` is called then."""

    def __init__(self, url: str, heartbeat: timedelta) -> None:
        self._url = url
        self._heartbeat = heartbeat.total_seconds()
        self._connections: WeakSet[WatchedConnection] = WeakSet()
        self.when_dropped: Callable[[], Awaitable[None]] | None = None

    def add(self, connection: WatchedConnection) -> None:
        """Watch the connection until it is closed."""
        self._connections.add(connection)

    async def watch(self) -> None:
        """Check every few seconds until cancelled. Drop the connections that are silent at two checks in a row."""
        suspects: set[_Asked] = set()
        while True:
            await sleep(self._heartbeat * LOOK_EVERY)
            try:
                suspects = await self._look(suspects)
            except Exception:
                log.exception("check for silent connections failed")

    async def _look(self, suspects: Collection[_Asked]) -> set[_Asked]:
        """Drop the suspects that are still silent, and return the new suspects."""
        now = asyncio.get_running_loop().time()
        waiting = [one for one in self._waiting() if now - one.at >= self._heartbeat * PATIENCE]
        if not waiting:
            return set()
        silent, why = await self._silent(waiting, now)
        # Leave out statements that were answered in the meantime.
        silent &= set(self._waiting())
        dropped = silent.intersection(suspects)
        if dropped:
            longest = max(now - one.at for one in dropped)
            log.warning("silent connection dropped", connections=len(dropped), waited_s=round(longest, 1), reason=why)
            # First end the sessions: when their callers get the error, they may end, and this watch with them.
            await self._end({one.connection.session for one in dropped if one.connection.session is not None})
            if self.when_dropped is not None:
                await self.when_dropped()
            for one in dropped:
                one.connection.terminate()
        return silent - dropped

    def _waiting(self) -> Iterable[_Asked]:
        return [_Asked(one, one.asked_at) for one in self._connections if one.asked_at is not None]

    async def _silent(self, waiting: Collection[_Asked], now: float) -> tuple[set[_Asked], str]:
        """The statements on which the server is not working, and how this is known."""
        long = {one for one in waiting if now - one.at >= self._heartbeat * LONGEST_IN_DOUBT}
        known = {one.connection.session: one for one in waiting if one.connection.session is not None}
        try:
            async with self._other() as connection:
                await connection.execute("select")
                asked = (*_columns(known), [one in long for one in known.values()])
                # Behind a transaction pooler, no session is known.
                rows = await connection.fetch(SQL["at_rest"], *asked) if known else []
        except PostgresError as error:
            return long, f"the server can't be asked ({error})"
        except (OSError, asyncpg.InterfaceError) as error:
            return set(waiting), f"a new connection gets no answer either ({str(error) or type(error).__name__})"
        at_rest = {known[Session(*row)] for row in rows}
        return at_rest | {one for one in long if one.connection.session is None}, "the server waits for this client"

    async def _end(self, sessions: set[Session]) -> None:
        """End the sessions on the server now, or when it can be reached again."""
        _left_behind[self._url] |= sessions
        with suppress(PostgresError, OSError, asyncpg.InterfaceError):
            async with self._other() as connection:
                await end_left_behind(self._url, connection)

    @asynccontextmanager
    async def _other(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        within = max(self._heartbeat * ANSWER_WITHIN, SHORTEST_ANSWER)
        connection = await asyncpg.connect(
            address_of(self._url).url,
            timeout=within,
            command_timeout=within,
            server_settings={"application_name": "synkron"},
            statement_cache_size=0,
        )
        try:
            yield connection
        finally:
            connection.terminate()


def _columns(sessions: Iterable[Session]) -> tuple[list[int], list[datetime]]:
    known = list(sessions)
    return [one.pid for one in known], [one.backend_start for one in known]
