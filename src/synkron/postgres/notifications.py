"""Notifications from the database to a worker. They say only that something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NoReturn

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

from synkron.postgres.connection import DRIVER_FAULTS, Pool
from synkron.postgres.pooler import keeps_session
from synkron.runtime import log, sleep

# The shortest time in seconds between two reads of the queue that notifications cause.
APART = 0.01
# How often the listening connection is tested within the time after which a worker is considered dead.
LOOKS = 4
CANCELLATION = "cancellation_event"
# The only event that is passed to PgQueuer.
CHANGED = (
    '{"channel": "", "type": "table_changed_event", "operation": "insert", "table": "", '
    '"sent_at": "1970-01-01T00:00:00Z"}'
)


class Notifications(AsyncpgPoolDriver):
    """A notification only wakes the worker: everybody who may connect can send any number of them.

    Their content is not trusted, parsed or logged. ``cancellation`` is set if a notification mentions one; its waiter
    then asks the ledger. PgQueuer is woken at most once for each time that it ``looked`` at the queue. Behind a
    transaction pooler none come, and PgQueuer finds jobs by polling.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.cancellation = asyncio.Event()
        self._channel: str | None = None
        self._wake: Callable[[], None] | None = None
        self._is_woken = False
        self._has_news = False
        self._rest: asyncio.TimerHandle | None = None
        self._polls = False

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen, and wake PgQueuer through ``callback``."""
        self._wake = partial(callback, CHANGED)
        async with self._pool.acquire() as connection:
            self._polls = not keeps_session(connection)
        if self._polls:
            log.info("no notifications", reason="the database is behind a transaction pooler", instead="polling")
            return
        self._channel = channel
        await super().add_listener(channel, self.heard)

    async def keep_listening(self, heartbeat: timedelta) -> NoReturn:
        """Until cancelled, test that the listening connection is alive: a dead one gives no sign."""
        while True:
            await sleep(heartbeat.total_seconds() / LOOKS)
            if self._channel is not None and not await self._is_alive():
                await super().add_listener(self._channel, self.heard)
                # Notifications that came in between are lost.
                self.heard(CANCELLATION)

    async def _is_alive(self) -> bool:
        if self._listener_connection is None:
            return False
        try:
            await self._listener_connection.execute("select")
        except DRIVER_FAULTS as error:
            log.warning("notification connection lost", reason=str(error) or type(error).__name__)
            self._listener_connection = None
            return False
        return True

    async def __aexit__(self, *_: object) -> None:
        """Close the listening connection. It may be silent, so it is not asked to stop listening first."""
        self._channel, listener, self._listener_connection = None, self._listener_connection, None
        if listener is not None:
            with suppress(*DRIVER_FAULTS):
                await listener.close()

    def heard(self, payload: str | bytes | bytearray) -> None:
        """Note that a notification came."""
        if isinstance(payload, str) and CANCELLATION in payload:
            self.cancellation.set()
        self._has_news = True
        self._wake_once()

    def ended(self) -> None:
        """Note that jobs were ended, which may have made room for others, or have enqueued some."""
        if self._polls:
            self.heard("")

    def looked(self) -> None:
        """Note that the queue is read now. A notification after this wakes PgQueuer again, ``APART`` later."""
        self._has_news = False
        if self._is_woken and self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(APART, self._rested)

    def _rested(self) -> None:
        self._rest, self._is_woken = None, False
        if self._has_news:
            self._wake_once()

    def _wake_once(self) -> None:
        if self._wake is not None and not self._is_woken:
            self._is_woken = True
            self._wake()
