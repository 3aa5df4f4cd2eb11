"""Connections that fall silent: noticed by asking the server on another one, and dropped.

No limit on a statement's duration tells a slow one from one whose connection is dead: the tick that ends an outage, a
migration or a verification may rightly take minutes. The server knows: while it works on a statement its session is
active, and where it waits for the client, the statement or its answer was lost.
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

from synkron.log import log
from synkron.postgres.statements import statements
from synkron.postgres.watch import Session, WatchedConnection
from synkron.waiting import pause

SQL = statements("postgres/sessions")
HEARTBEAT = timedelta(seconds=30)
# Parts of the heartbeat: after how long an answer is asked for, how often, and how long that may take. Two looks must
# agree, so that a silent connection is dropped after a third of it, or two thirds where new connections are silent too.
PATIENCE = 1 / 6
LOOK_EVERY = 1 / 15
ANSWER_WITHIN = 1 / 6
SHORTEST_ANSWER = 1.0
# Heartbeats after which a statement is given up of which the server can't be asked: it takes no more connections, or
# it is behind a transaction pooler.
LONGEST_IN_DOUBT = 10


# By URL: sessions that this process has dropped, and that may hold locks on the server, which knows nothing of it yet.
_left_behind: defaultdict[str, set[Session]] = defaultdict(set)


async def end_left_behind(url: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """End the sessions that were dropped while the server could not be told."""
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
    """A statement under way: whose it is, and when it was sent, by the event loop's clock."""

    connection: WatchedConnection
    at: float


@asynccontextmanager
async def watching(url: str, heartbeat: timedelta) -> AsyncIterator[Silence]:
    """Watch, until the end of the block, the connections that are added."""
    silence = Silence(url, heartbeat)
    watch = asyncio.create_task(silence.watch())
    try:
        yield silence
    finally:
        watch.cancel()
        await asyncio.wait({watch})


class Silence:
    """Drops those of its connections that have fallen silent. Who waits for one gets ConnectionDoesNotExistError.

    ``when_dropped`` is called then.
    """

    def __init__(self, url: str, heartbeat: timedelta) -> None:
        self._url = url
        self._heartbeat = heartbeat.total_seconds()
        self._connections: WeakSet[WatchedConnection] = WeakSet()
        self.when_dropped: Callable[[], Awaitable[None]] | None = None

    def add(self, connection: WatchedConnection) -> None:
        """Watch it until it is closed."""
        self._connections.add(connection)

    async def watch(self) -> None:
        """Look every few seconds, until cancelled; what is silent at two looks in a row is dropped."""
        suspects: set[_Asked] = set()
        while True:
            await pause(self._heartbeat * LOOK_EVERY)
            try:
                suspects = await self._look(suspects)
            except Exception:
                log.exception("connections not looked at")

    async def _look(self, suspects: Collection[_Asked]) -> set[_Asked]:
        """Drop those of the suspects that are still silent; answers who is suspect now."""
        now = asyncio.get_running_loop().time()
        waiting = [one for one in self._waiting() if now - one.at >= self._heartbeat * PATIENCE]
        if not waiting:
            return set()
        silent, why = await self._silent(waiting, now)
        # Whoever has got an answer in the meantime waits no more, or for another.
        silent &= set(self._waiting())
        dropped = silent.intersection(suspects)
        if dropped:
            longest = max(now - one.at for one in dropped)
            log.warning("connection silent, dropped", connections=len(dropped), waited_s=round(longest, 1), reason=why)
            # Before those who wait are told: they may leave at once, and this watch with them.
            await self._end({one.connection.session for one in dropped if one.connection.session is not None})
            if self.when_dropped is not None:
                await self.when_dropped()
            for one in dropped:
                one.connection.terminate()
        return silent - dropped

    def _waiting(self) -> Iterable[_Asked]:
        return [_Asked(one, one.asked_at) for one in self._connections if one.asked_at is not None]

    async def _silent(self, waiting: Collection[_Asked], now: float) -> tuple[set[_Asked], str]:
        """For whom the server is not at work, and why one thinks so."""
        long = {one for one in waiting if now - one.at >= self._heartbeat * LONGEST_IN_DOUBT}
        known = {one.connection.session: one for one in waiting if one.connection.session is not None}
        try:
            async with self._other() as connection:
                rows = await connection.fetch(SQL["at_rest"], *_columns(known), [one in long for one in known.values()])
        except PostgresError as error:
            return long, f"the server can't be asked ({error})"
        except (OSError, asyncpg.InterfaceError) as error:
            return set(waiting), f"nor does a new connection get an answer ({str(error) or type(error).__name__})"
        at_rest = {known[Session(*row)] for row in rows}
        return at_rest | {one for one in long if one.connection.session is None}, "the server waits for this client"

    async def _end(self, sessions: set[Session]) -> None:
        """End the sessions on the server, now or when it can be reached again."""
        _left_behind[self._url] |= sessions
        with suppress(PostgresError, OSError, asyncpg.InterfaceError):
            async with self._other() as connection:
                await end_left_behind(self._url, connection)

    @asynccontextmanager
    async def _other(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A new connection, for a moment."""
        within = max(self._heartbeat * ANSWER_WITHIN, SHORTEST_ANSWER)
        connection = await asyncpg.connect(
            self._url, timeout=within, command_timeout=within, server_settings={"application_name": "synkron"}
        )
        try:
            yield connection
        finally:
            connection.terminate()


def _columns(sessions: Iterable[Session]) -> tuple[list[int], list[datetime]]:
    known = list(sessions)
    return [one.pid for one in known], [one.backend_start for one in known]
