"""The loop of a scheduler: a tick at every half minute."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from synkron.delivery.warm_up import send
from synkron.errors import NotAtHome
from synkron.incidents import store as incidents
from synkron.ledger import retention
from synkron.ledger.installation import at_home
from synkron.model import InvalidIntegration
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connect, Connection
from synkron.postgres.pooler import keeps_session
from synkron.runtime import log, sleep
from synkron.scheduler.plans import plan_ahead, read_planning_clock
from synkron.scheduler.tick import next_tick, tick
from synkron.service.heartbeat import DeadMan
from synkron.service.tick_log import TickLog
from synkron.settings.load import Settings
from synkron.source.mirror import Mirror
from synkron.vendors import store

# Ticks begin a little after the half minute, so that the next minute is inside the window however the two clocks round.
# After the minute they begin later, so that its runs start first: that tick only finds recent edits, and would delay
# these runs.
AFTER_THE_HALF = timedelta(milliseconds=20)
AFTER_THE_MINUTE = timedelta(seconds=1)
MAINTAIN_EVERY = timedelta(hours=1)
# Seconds between two looks at whether a drill is over, or whether it was right to be woken.
REST = 1.0
# The channel on which pg_cron wakes the schedulers.
WAKE = "synkron_wake"


@dataclass
class LastTick:
    """The result of the last tick, for the other loops: the invalid rows, and the targets to warm up.

    ``invalid`` is None before the first tick.
    """

    invalid: Sequence[InvalidIntegration] | None = None
    ahead: Mapping[str, datetime] = field(default_factory=dict)
    looked: asyncio.Event = field(default_factory=asyncio.Event)


async def keep_ticking(
    connect: Connect,
    settings: Settings,
    name: str,
    stop: asyncio.Event,
    last_tick: LastTick,
    dead_man: DeadMan,
    mirror: Mirror | None = None,
) -> None:
    """Tick at every half minute of the database's clock. Behind a Data API, no tick is made without a whole read."""
    loop = asyncio.get_running_loop()
    tick_log = TickLog()
    maintain_at = loop.time()
    try:
        async with connect() as connection:
            woken, is_first = asyncio.Event(), True
            if keeps_session(connection):
                await connection.add_listener(WAKE, lambda *_: woken.set())
            while not stop.is_set():
                began = loop.time()
                await at_home(connection, settings)
                clock = await read_planning_clock(connection)
                if clock.at_rest:
                    await sleep(REST, stop)
                    continue
                done = await tick(connection, settings, scheduler=name, mirror=mirror)
                dead_man.succeeded()
                last_tick.invalid, last_tick.ahead = done.invalid, done.ahead
                last_tick.looked.set()
                tick_log.write(done)
                if loop.time() >= maintain_at:
                    await _maintain(connection, done.at, settings.retention)
                    maintain_at = loop.time() + MAINTAIN_EVERY.total_seconds()
                await plan_ahead(connection, settings, clock, done.window.end, anew=is_first)
                is_first = False
                following = next_tick(done.at)
                until_next = following + (AFTER_THE_HALF if following.second else AFTER_THE_MINUTE) - done.at
                await _until(connection, following, began + until_next.total_seconds(), stop, woken)
    except NotAtHome:
        # No failure ping from a copy: if the original has stopped, the missing pings raise the alarm.
        raise
    except Exception:
        dead_man.failed()
        raise


async def _until(
    connection: Connection, following: datetime, at: float, stop: asyncio.Event, woken: asyncio.Event
) -> None:
    """Wait until ``at`` on the event loop's clock, or until pg_cron wakes us after ``following``.

    Anybody may send a notification, so it only makes us look at the database's clock, at most once a second.
    """
    loop = asyncio.get_running_loop()
    while (left := at - loop.time()) > 0 and not stop.is_set():
        woken.clear()
        await sleep(left, stop, woken)
        if woken.is_set():
            if await database_clock(connection) >= following:
                return
            await sleep(min(REST, at - loop.time()), stop)


async def _maintain(connection: Connection, now: datetime, keep_for: timedelta) -> None:
    """Create the next partitions and delete old records, once an hour."""
    if not await retention.make_partitions_ahead(connection):
        log.debug("new partitions put off for an hour", reason="another session holds a lock on the ledger's tables")
    if not await retention.forget(connection, now, keep_for):
        log.debug("old partitions kept for another hour", reason="another session uses them")
    await store.forget(connection, now)
    await send.forget_warm_ups(connection, now)
    await incidents.forget(connection, now, keep_for)
