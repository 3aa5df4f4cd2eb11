"""The loops beside ticks and runs: warm-up, vendors, incidents, announcements, verification."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from synkron.delivery.hold import release_recovered
from synkron.delivery.targets import Target
from synkron.delivery.warm_up import send
from synkron.incidents.channels import Channels
from synkron.incidents.conditions.store import read_conditions
from synkron.incidents.send import deliver_due
from synkron.incidents.store import is_alone, log_transitions, reconcile
from synkron.ledger.installation import at_home, why_nothing_is_fired
from synkron.ledger.nodes import REPORT_EVERY, Reporter
from synkron.model import InvalidIntegration
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connect, Connection
from synkron.reports.verify.store import keep_verification
from synkron.runtime import log, sleep, unless_stopped
from synkron.service.scheduler_loop import LastTick
from synkron.settings.load import Settings
from synkron.vendors.health import Watch
from synkron.vendors.monitor import Probes, watch_health
from synkron.vendors.watches import Watches

WATCH_EVERY = timedelta(seconds=15)
# How often the loop checks whether the hourly verification is due.
VERIFY_EVERY = timedelta(minutes=5)
UPDATE_EVERY = timedelta(seconds=30)
ANNOUNCE_EVERY = timedelta(seconds=5)
# How long incidents wait for the first tick, which finds invalid rows. After that they go without it: maybe ticks fail.
FIRST_TICK_WITHIN = 150.0


async def keep_reporting(connect: Connect, settings: Settings, reporter: Reporter, stop: asyncio.Event) -> None:
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
            await sleep(REPORT_EVERY.total_seconds(), stop)


# requirement R16.2
async def keep_warming_up(
    connect: Connect, settings: Settings, targets: Mapping[str, Target], stop: asyncio.Event, last_tick: LastTick
) -> None:
    """Warm up the targets of the runs that each tick has claimed, beside the ticks. Cancelled when told to stop."""
    async with connect() as connection:
        while not stop.is_set():
            await sleep(None, last_tick.looked, stop)
            last_tick.looked.clear()
            ahead, last_tick.ahead = last_tick.ahead, {}
            for one, met in await unless_stopped(send.warm_up(connection, targets, ahead, settings), stop) or ():
                log.debug(
                    "warm-up",
                    types=",".join(one.types),
                    http_status=met.http_status,
                    ms=round(met.duration / timedelta(milliseconds=1)),
                    **({"error": met.error} if met.error else {}),
                )


async def keep_watching(
    connect: Connect, settings: Settings, watches: Watches, prober: Probes, stop: asyncio.Event
) -> None:
    """Probe the vendors that were not contacted lately, and release the runs whose vendors are back."""
    async with connect() as connection:
        while not stop.is_set():
            await at_home(connection, settings)
            at = await database_clock(connection)
            await unless_stopped(watch_health(connection, watches, prober, at), stop)
            await release_recovered(connection, settings, watches.watches)
            await sleep(WATCH_EVERY.total_seconds(), stop)


async def keep_incidents(
    connect: Connect, settings: Settings, watches: Collection[Watch], stop: asyncio.Event, last_tick: LastTick
) -> None:
    """Open and close incidents. Their announcements are written with them."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + FIRST_TICK_WITHIN
    async with connect() as connection:
        while not stop.is_set():
            await at_home(connection, settings)
            if last_tick.invalid is not None or loop.time() >= latest:
                await unless_stopped(_update_incidents(connection, settings, watches, last_tick.invalid or ()), stop)
            await sleep(UPDATE_EVERY.total_seconds() if last_tick.invalid is not None else 1, stop)


async def _update_incidents(
    connection: Connection, settings: Settings, watches: Collection[Watch], invalid: Sequence[InvalidIntegration]
) -> None:
    """Update the incidents to the present conditions, unless another scheduler is doing it."""
    async with connection.transaction(isolation="read_committed"):
        if not await is_alone(connection):
            return
        at = await database_clock(connection)
        conditions = await read_conditions(connection, settings, watches, invalid, at)
        transitions = await reconcile(connection, conditions, settings, at)
    log_transitions(transitions)


async def keep_announcing(
    connect: Connect, settings: Settings, channels: Channels, name: str | None, stop: asyncio.Event
) -> None:
    """Send the announcements for one channel. Without a name, only give up those for channels that no longer exist."""
    only = [] if name is None else [name]
    async with connect() as connection:
        while not stop.is_set():
            await at_home(connection, settings)
            at = await database_clock(connection)
            if not await unless_stopped(deliver_due(connection, channels, at, only), stop):
                await sleep(ANNOUNCE_EVERY.total_seconds(), stop)


async def keep_verifying(connect: Connect, settings: Settings, stop: asyncio.Event) -> None:
    """Verify the last day, once an hour in one of all schedulers. Cancelled when told to stop."""
    while not stop.is_set():
        async with connect() as connection:
            at = await database_clock(connection)
            report = await unless_stopped(keep_verification(connection, settings, at), stop)
        if report is not None:
            write = log.warning if report.found else log.info
            write("verified", occurrences=report.occurrences, found={str(kind): n for kind, n in report.found.items()})
        await sleep(VERIFY_EVERY.total_seconds(), stop)
