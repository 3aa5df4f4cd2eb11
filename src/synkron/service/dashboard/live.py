"""What has changed in the database, told to the pages that are open: one question a second, however many there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from random import random
from typing import TYPE_CHECKING

from synkron.ledger.queue import QUEUE
from synkron.postgres.connection import DRIVER_FAULTS, Connection
from synkron.postgres.pooler import keeps_session
from synkron.runtime import log, sleep
from synkron.source.queries import SourceQueries
from synkron.text import instant

if TYPE_CHECKING:
    from synkron.service.api.served import Served

FILE = "service/dashboard/live"
# Seconds between two looks; and, after a notification, at the least.
EVERY, APART = 1.0, 0.2
# How many pages in all may be told to load in a second: so many dashboards cost no more than these.
LOADS = 5
# Seconds that a page is left alone at the least, between signs of life, and until a stream must ask anew who may.
QUIET, SIGN, LONGEST = 1.0, 20.0, 900.0
MOST_STREAMS = 400
# What each topic is read from. Months of a table begin with its name.
TOPICS: Mapping[str, tuple[str, ...]] = {
    "runs": ("runs", "running", "attempts"),
    "incidents": ("open incidents", "announcements", "silences"),
    "seen": ("incidents",),
    "pauses": ("pauses", "overrides", "held"),
    "health": ("health", "samples", "probe_spend"),
    "integrations": ("integrations", "mirrored_", "overview_integrations"),
    "audit": ("audit",),
    "nodes": ("nodes",),
    "verifications": ("verifications",),
}


class Live:
    """Looks while somebody listens. ``versions`` counts, for each topic, how often it changed."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._listeners = 0
        self._watching: asyncio.Task[None] | None = None
        self._versions: Counter[str] = Counter()
        self._written: Mapping[str, int] | None = None
        self._tick: datetime | None = None
        self._moved = asyncio.Event()
        self._woken = asyncio.Event()
        self._looked = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more stream; a page then asks by itself, every ten seconds."""
        return self._listeners >= MOST_STREAMS or self._served.stopping.is_set()

    async def told(self, topics: Collection[str]) -> AsyncIterator[bytes]:
        """The events of one page: which of its topics changed, and when somebody ticked."""
        clock = asyncio.get_running_loop().time
        async with self._listening():
            # What is known from here on: a change after this is told.
            await sleep(EVERY, self._looked, self._served.stopping)
            seen, tick, ends = Counter(self._versions), self._tick, clock() + LONGEST
            yield b"retry: 3000\n\n"
            while not self._served.stopping.is_set() and clock() < ends:
                if seen == self._versions and tick == self._tick:
                    await sleep(SIGN, self._moved, self._served.stopping)
                # All pages are woken at once; they must not all load at once.
                await sleep((self._listeners - 1) / LOADS * random(), self._served.stopping)  # noqa: S311 (no secret)
                changed = [one for one in topics if self._versions[one] != seen[one]]
                news = [f"event: changed\ndata: {','.join(changed)}\n\n"] if changed else []
                if self._tick is not None and self._tick != tick:
                    news.append(f"event: tick\ndata: {instant(self._tick)}\n\n")
                seen, tick = Counter(self._versions), self._tick
                yield "".join(news or [": alive\n\n"]).encode()
                if changed:
                    await sleep(QUIET, self._served.stopping)

    async def told_nothing(self) -> AsyncIterator[bytes]:
        """The events of who is tied to one organization: to load now and then, whatever others' runs do."""
        async with self._listening():
            yield b"retry: 3000\n\n"
            for _ in range(int(LONGEST / SIGN)):
                yield b"event: changed\ndata: any\n\n"
                await sleep(SIGN, self._served.stopping)
                if self._served.stopping.is_set():
                    return

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        self._listeners += 1
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="dashboard")
        try:
            yield
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                self._watching.cancel()
                self._watching, self._written = None, None
                self._looked.clear()

    async def _watch(self) -> None:
        """Look again and again. While the database is away, nothing changes."""
        while True:
            try:
                async with self._served.pool.acquire() as connection, self._notified(connection):
                    while True:
                        self._woken.clear()
                        await self._look(connection)
                        await sleep(APART)
                        await sleep(EVERY - APART, self._woken)
            except DRIVER_FAULTS as error:
                log.warning("dashboard not live", reason=str(error) or type(error).__name__)
            await sleep(EVERY)

    @asynccontextmanager
    async def _notified(self, connection: Connection) -> AsyncIterator[None]:
        """Look sooner when the queue changes. Behind a transaction pooler no notification comes."""

        def hear(*_: object) -> None:
            self._versions["runs"] += 1
            self._woken.set()
            self._move()

        if not keeps_session(connection):
            yield
            return
        await connection.add_listener(QUEUE.channel, hear)
        try:
            yield
        finally:
            with suppress(*DRIVER_FAULTS):
                await connection.remove_listener(QUEUE.channel, hear)

    async def _look(self, connection: Connection) -> None:
        sql = SourceQueries(self._served.settings.source).sql(FILE)
        rows = await connection.fetch(sql["counters"])
        written: Counter[str] = Counter()
        for row in rows:
            for topic, tables in TOPICS.items():
                if row["name"].startswith(tables):
                    written[topic] += row["written"]
        before, self._written = self._written, written
        moved = [] if before is None else [one for one in TOPICS if written[one] != before[one]]
        self._versions.update(moved)
        tick = await connection.fetchval(sql["newest_tick"])
        if moved or tick != self._tick:
            self._tick = tick
            self._move()
        self._looked.set()

    def _move(self) -> None:
        """Wake every stream."""
        self._moved.set()
        self._moved = asyncio.Event()
