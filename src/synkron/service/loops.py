"""The loops of the service. Each does one thing until it is told to stop, and raises its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from synkron.delivery.hold import release_recovered
from synkron.delivery.targets import Target
from synkron.delivery.warm_up import send
from synkron.delivery.worker import Worker
from synkron.errors import NotAtHome
from synkron.incidents import store as incidents
from synkron.incidents.announce import deliver_due
from synkron.incidents.channels import Channels
from synkron.incidents.conditions import read_conditions
from synkron.ledger import claims
from synkron.ledger.installation import at_home, why_nothing_is_fired
from synkron.ledger.nodes import REPORT_EVERY, Reporter
from synkron.log import log
from synkron.model import InvalidIntegration, Tick
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import CLOSE_TIMEOUT, Connect, Connection, pooled
from synkron.reports.verify.store import keep_verification
from synkron.scheduler.tick import next_tick, tick
from synkron.service.heartbeat import DeadMan
from synkron.settings.load import Settings
from synkron.source.reader import warn_invalid
from synkron.vendors import store
from synkron.vendors.health import Watch
from synkron.vendors.monitor import Probes, watch_health
from synkron.vendors.probe import Watches
from synkron.waiting import pause, unless_stopped, until

POOL_SIZE = 20
# Ticks begin a little after the half minute, so that the next minute is inside the window however the two clocks round.
# After the minute they begin later, so that its runs start first: that tick only finds recent edits, and would delay
# these runs.
AFTER_THE_HALF = timedelta(milliseconds=20)
AFTER_THE_MINUTE = timedelta(seconds=1)
MAINTAIN_EVERY = timedelta(hours=1)
# How often the loop checks whether the hourly verification is due.
VERIFY_EVERY = timedelta(minutes=5)
WATCH_EVERY = timedelta(seconds=15)
TELL_EVERY = timedelta(seconds=30)
DELIVER_EVERY = timedelta(seconds=5)
# How long incidents wait for the first tick, which finds invalid rows. After that they go without it: maybe ticks fail.
FIRST_TICK_WITHIN = 150.0


@dataclass
class Sight:
    """The result of the last tick, for the other loops: the invalid rows, and the targets to warm up.

    ``invalid`` is None before the first tick.
    """

    invalid: Sequence[InvalidIntegration] | None = None
    ahead: Mapping[str, datetime] = field(default_factory=dict)
    looked: asyncio.Event = field(default_factory=asyncio.Event)


async def report_node(connect: Connect, settings: Settings, reporter: Reporter, stop: asyncio.Event) -> None:
    """Report every few seconds that this process is running. If it may not start runs, log that once."""
    said = None
    async with connect() as connection:
        while not stop.is_set():
            await reporter.report(connection)
            reason = await why_nothing_is_fired(connection, settings)
            if reason is not None and reason != said:
                log.error("no runs are started", reason=reason)
            elif reason is None and said is not None:
                log.info("the ledger is at home: runs are started again")
            said = reason
            await pause(REPORT_EVERY.total_seconds(), stop)


async def schedule(
    connect: Connect, settings: Settings, name: str, stop: asyncio.Event, sight: Sight, dead_man: DeadMan
) -> None:
    """Tick at every half minute of the database's clock."""
    loop = asyncio.get_running_loop()
    warned: frozenset[InvalidIntegration] = frozenset()
    maintain_at = loop.time()
    try:
        async with connect() as connection:
            while not stop.is_set():
                began = loop.time()
                await at_home(connection, settings)
                done = await tick(connection, settings, scheduler=name)
                dead_man.succeeded()
                sight.invalid, sight.ahead = done.invalid, done.ahead
                sight.looked.set()
                warned = _report(done, warned)
                if loop.time() >= maintain_at:
                    await _maintain(connection, done.at, settings.retention)
                    maintain_at = loop.time() + MAINTAIN_EVERY.total_seconds()
                following = next_tick(done.at)
                until_next = following + (AFTER_THE_HALF if following.second else AFTER_THE_MINUTE) - done.at
                await pause(until_next.total_seconds() - (loop.time() - began), stop)
    except NotAtHome:
        # No failure ping from a copy: if the original has stopped, the missing pings raise the alarm.
        raise
    except Exception:
        dead_man.failed()
        raise


# requirement R16.2
async def warm(
    connect: Connect, settings: Settings, targets: Mapping[str, Target], stop: asyncio.Event, sight: Sight
) -> None:
    """Warm up the targets of the runs that each tick has claimed, beside the ticks. Cancelled when told to stop."""
    async with connect() as connection:
        while not stop.is_set():
            await pause(None, sight.looked, stop)
            sight.looked.clear()
            ahead, sight.ahead = sight.ahead, {}
            for one in await unless_stopped(send.warm_up(connection, targets, ahead, settings), stop) or ():
                _log_warm_up(one)


async def watch(connect: Connect, settings: Settings, watches: Watches, prober: Probes, stop: asyncio.Event) -> None:
    """Probe the vendors that were not contacted lately, and release the runs whose vendors are back."""
    async with connect() as connection:
        while not stop.is_set():
            await at_home(connection, settings)
            at = await database_clock(connection)
            await unless_stopped(watch_health(connection, watches, prober, at), stop)
            await release_recovered(connection, settings, watches.watches)
            await pause(WATCH_EVERY.total_seconds(), stop)


async def tell(
    connect: Connect, settings: Settings, watches: Collection[Watch], stop: asyncio.Event, sight: Sight
) -> None:
    """Open and close incidents. Their announcements are written with them."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + FIRST_TICK_WITHIN
    async with connect() as connection:
        while not stop.is_set():
            await at_home(connection, settings)
            if sight.invalid is not None or loop.time() >= latest:
                await unless_stopped(_tell_once(connection, settings, watches, sight.invalid or ()), stop)
            await pause(TELL_EVERY.total_seconds() if sight.invalid is not None else 1, stop)


async def deliver(
    connect: Connect, settings: Settings, channels: Channels, name: str | None, stop: asyncio.Event
) -> None:
    """Send the announcements for one channel. Without a name, only give up those for channels that no longer exist."""
    only = [] if name is None else [name]
    async with connect() as connection:
        while not stop.is_set():
            await at_home(connection, settings)
            at = await database_clock(connection)
            if not await unless_stopped(deliver_due(connection, channels, at, only), stop):
                await pause(DELIVER_EVERY.total_seconds(), stop)


async def _tell_once(
    connection: Connection, settings: Settings, watches: Collection[Watch], invalid: Sequence[InvalidIntegration]
) -> None:
    """Update the incidents to the present conditions, unless another scheduler is doing it."""
    async with connection.transaction(isolation="read_committed"):
        if not await incidents.is_alone(connection):
            return
        at = await database_clock(connection)
        conditions = await read_conditions(connection, settings, watches, invalid, at)
        transitions = await incidents.reconcile(connection, conditions, settings, at)
    incidents.log_transitions(transitions)


async def verify(connect: Connect, settings: Settings, stop: asyncio.Event) -> None:
    """Verify the last day, once an hour in one of all schedulers. Cancelled when told to stop."""
    while not stop.is_set():
        async with connect() as connection:
            at = await database_clock(connection)
            report = await unless_stopped(keep_verification(connection, settings, at), stop)
        if report is not None:
            write = log.warning if report.found else log.info
            write("verified", occurrences=report.occurrences, found={str(kind): n for kind, n in report.found.items()})
        await pause(VERIFY_EVERY.total_seconds(), stop)


async def work(
    url: str,
    settings: Settings,
    targets: Mapping[str, Target],
    name: str,
    stop: asyncio.Event,
    at_once: asyncio.Event,
) -> None:
    """Execute runs. When told to stop, let those under way finish within the grace, then hand them back."""
    grace = settings.shutdown_grace.total_seconds()
    async with pooled(url, size=POOL_SIZE, by_key=True, heartbeat=settings.heartbeat) as pool:
        await at_home(pool, settings)
        worker = Worker(pool, settings, targets, name)
        running = asyncio.create_task(worker.run())
        try:
            await until(running, stop)
            worker.stop()
            if not running.done():
                log.info("stopping", attempts_under_way=worker.under_way, grace=grace)
            await until(running, at_once, longest=grace)
            if not running.done():
                worker.hand_back()
            await asyncio.wait({running})
        finally:
            if not running.done():
                # Cancelled: otherwise this would wait for its statements on the database.
                pool.terminate()
                running.cancel()
                await asyncio.wait({running}, timeout=CLOSE_TIMEOUT)
        await running


async def _maintain(connection: Connection, now: datetime, retention: timedelta) -> None:
    """Create the next partitions and delete old records, once an hour."""
    if not await claims.make_partitions_ahead(connection):
        log.debug("new partitions put off for an hour", reason="another session holds a lock on the ledger's tables")
    if not await claims.forget(connection, now, retention):
        log.debug("old partitions kept for another hour", reason="another session uses them")
    await store.forget(connection, now)
    await send.forget_warm_ups(connection, now)
    await incidents.forget(connection, now, retention)


def _log_warm_up(one: send.WarmUp) -> None:
    met = one.reception
    log.debug(
        "warm-up",
        types=",".join(one.integration_types),
        http_status=met.http_status,
        ms=round(met.duration / timedelta(milliseconds=1)),
        **({"error": met.error} if met.error else {}),
    )


def _report(done: Tick, warned: frozenset[InvalidIntegration]) -> frozenset[InvalidIntegration]:
    """Log the tick, and warn about each invalid row once for as long as the ticks find it."""
    for row in frozenset(done.invalid) - warned:
        warn_invalid(row)
    warned = frozenset(done.invalid)
    write = log.info if done.claimed or done.skipped else log.debug
    write("tick", at=done.at.isoformat(), due=done.due, claimed=done.claimed, skipped=done.skipped, invalid=len(warned))
    return warned
