"""What has changed in the database, told to the pages that are open: one question a second, however many there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from random import random
from typing import TYPE_CHECKING

from synkron.ledger.queue import QUEUE
from synkron.operations.access.actor import Actor
from synkron.operations.access.sessions import actors_of
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
# The last event of a stream whose session has ended: the page finds out by itself what it may see.
OVER = b"event: over\ndata:\n\n"
# What each topic is read from: a new table is one line here. Months of a table begin with its name.
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
# No topic, and told to nobody: once one of these changes, it is looked up which of those who listen still may.
ACCESS = ("sessions", "people", "tokens")


@dataclass(eq=False, slots=True)
class Listener:
    """A page that is open: who looks, and the secret that they came with; it is ``over`` when that holds no longer."""

    actor: Actor
    secret: str
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Live:
    """Looks while somebody listens. ``versions`` counts, for each topic, how often it changed."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._listeners: set[Listener] = set()
        self._watching: asyncio.Task[None] | None = None
        self._versions: Counter[str] = Counter()
        self._written: Counter[str] | None = None
        self._checked = 0.0
        self._tick: datetime | None = None
        self._is_away = False
        self._was_notified = False
        self._moved = asyncio.Event()
        self._woken = asyncio.Event()
        self._looked = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more stream; a page then asks by itself, every ten seconds."""
        return len(self._listeners) >= MOST_STREAMS or self._served.stopping.is_set()

    async def told(self, by: Listener, topics: Collection[str]) -> AsyncIterator[bytes]:
        """The events of one page: which of its topics changed, when somebody ticked, and that the database is away.

        It tells nothing that changed after the end of the session, and ends at most SIGN seconds after that.
        """
        clock = asyncio.get_running_loop().time
        async with self._listening(by):
            # What is known from here on: a change after this is told.
            await sleep(EVERY, self._looked, self._served.stopping)
            seen, tick, away, ends = Counter(self._versions), self._tick, False, clock() + LONGEST
            yield b"retry: 3000\n\n"
            while not (by.over.is_set() or self._served.stopping.is_set()) and clock() < ends:
                if (seen, tick, away) == (self._versions, self._tick, self._is_away):
                    await sleep(SIGN, self._moved, by.over, self._served.stopping)
                # All pages are woken at once; they must not all load at once.
                pause = (len(self._listeners) - 1) / LOADS * random()  # noqa: S311 (no secret)
                await sleep(pause, by.over, self._served.stopping)
                if by.over.is_set():
                    break
                changed = [one for one in topics if self._versions[one] != seen[one]]
                news = [f"event: changed\ndata: {','.join(changed)}\n\n"] if changed else []
                if self._is_away and not away:
                    news.append("event: away\ndata:\n\n")
                if self._tick is not None and self._tick != tick:
                    news.append(f"event: tick\ndata: {instant(self._tick)}\n\n")
                seen, tick, away = Counter(self._versions), self._tick, self._is_away
                yield "".join(news or [": alive\n\n"]).encode()
                if changed:
                    await sleep(QUIET, self._served.stopping)
            if by.over.is_set():
                yield OVER

    async def told_nothing(self, by: Listener) -> AsyncIterator[bytes]:
        """The events of who is tied to one organization: to load now and then, whatever others' runs do."""
        clock = asyncio.get_running_loop().time
        async with self._listening(by):
            yield b"retry: 3000\n\n"
            ends = clock() + LONGEST
            while not (by.over.is_set() or self._served.stopping.is_set()) and clock() < ends:
                yield b"event: changed\ndata: any\n\n"
                await sleep(SIGN, by.over, self._served.stopping)
            if by.over.is_set():
                yield OVER

    @asynccontextmanager
    async def _listening(self, by: Listener) -> AsyncIterator[None]:
        self._listeners.add(by)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="dashboard")
        try:
            yield
        finally:
            self._listeners.remove(by)
            if not self._listeners:
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
                self._is_away = True
                self._move()
            await sleep(EVERY)

    @asynccontextmanager
    async def _notified(self, connection: Connection) -> AsyncIterator[None]:
        """Look sooner when the queue changes. Behind a transaction pooler no notification comes."""

        def hear(*_: object) -> None:
            self._was_notified = True
            self._woken.set()

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
        """See what has changed: whose session has ended is told nothing of it. All may have, while it was away.

        A session that ends by time changes nothing, so they are looked up every SIGN seconds at the least, too.
        """
        sql = SourceQueries(self._served.settings.source).sql(FILE)
        rows = await connection.fetch(sql["counters"])
        written: Counter[str] = Counter()
        for row in rows:
            for topic, tables in (*TOPICS.items(), ("access", ACCESS)):
                if row["name"].startswith(tables):
                    written[topic] += row["written"]
        before = written if self._written is None else self._written
        moved = {one for one in {*written, *before} if written[one] != before[one]}
        if self._was_notified:
            self._was_notified = False
            moved.add("runs")
        if self._is_away:
            moved.update(TOPICS)
        tick = await connection.fetchval(sql["newest_tick"])
        is_news, now = bool(moved) or tick != self._tick, asyncio.get_running_loop().time()
        if is_news or now - self._checked >= SIGN:
            await self._end_those_over(connection)
            self._checked = now
        if is_news:
            self._versions.update(moved)
            self._tick, self._is_away = tick, False
            self._move()
        # Last: had a question failed, the next look would see the same changes.
        self._written = written
        self._looked.set()

    async def _end_those_over(self, connection: Connection) -> None:
        """Note which sessions have ended, or stand for less than they did."""
        # A page that opens meanwhile has been asked who it is by itself.
        asked = list(self._listeners)
        holding = await actors_of(connection, {one.secret for one in asked})
        for one in asked:
            if holding.get(one.secret) != one.actor:
                one.over.set()

    def _move(self) -> None:
        """Wake every stream."""
        self._moved.set()
        self._moved = asyncio.Event()
