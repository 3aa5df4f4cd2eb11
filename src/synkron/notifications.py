"""What a worker hears from the database: that something changed, and nothing more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

from synkron.database import Pool

# Seconds between two looks at the queue that notifications lead to.
APART = 0.01
# The one event that PgQueuer is ever told of.
CHANGED = json.dumps(
    {
        "channel": "",
        "type": "table_changed_event",
        "operation": "insert",
        "table": "",
        "sent_at": "1970-01-01T00:00:00Z",
    }
)


class Notifications(AsyncpgPoolDriver):
    """A notification only wakes: whoever may connect may send any, as many as they like.

    What it holds is not believed, parsed or logged. ``cancellation`` is set where it speaks of one, for whoever asks
    the ledger then. However many come, PgQueuer is woken once for each time that it ``looked``.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.cancellation = asyncio.Event()
        self._wake: Callable[[], None] | None = None
        self._is_woken = False
        self._has_news = False
        self._rest: asyncio.TimerHandle | None = None

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen, and wake by calling back."""
        self._wake = partial(callback, CHANGED)
        await super().add_listener(channel, self.heard)

    def heard(self, payload: str | bytes | bytearray) -> None:
        """Note that a notification came."""
        if isinstance(payload, str) and "cancellation_event" in payload:
            self.cancellation.set()
        self._has_news = True
        self._wake_once()

    def looked(self) -> None:
        """The queue is looked at now: what is heard from here on is news again, a moment later."""
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
