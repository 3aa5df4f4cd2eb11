"""The loops: one that ticks, one that executes runs; started together or by role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog
from pgqueuer.domain.errors import PgqException

from synkron import ledger
from synkron.database import DRIVER_FAULTS, connected, pooled, refuse_transaction_pooler, speaking_of
from synkron.errors import SynkronError
from synkron.host import WallClock, process_name, release, wall_clock
from synkron.migrate import check_ledger
from synkron.model import InvalidIntegration, Tick
from synkron.nodes import REPORT_EVERY, Reporter
from synkron.reader import check_source, warn_invalid
from synkron.scheduler import next_tick, tick
from synkron.settings import Settings
from synkron.targets import Signing, Target, open_targets, read_signings
from synkron.verification import keep_verification
from synkron.web import listening
from synkron.worker import Worker

POOL_SIZE = 20
API_POOL_SIZE = 5
# Past the half minute, so that the minute ahead is inside the window however the two clocks round; and past the minute,
# so that its runs start first: this tick finds what was edited meanwhile, and would hold them up.
AFTER_THE_HALF = timedelta(milliseconds=20)
AFTER_THE_MINUTE = timedelta(seconds=1)
FORGET_EVERY = timedelta(hours=1)
# How often one asks whether the hour's verification is due.
VERIFY_EVERY = timedelta(minutes=5)
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0

log = structlog.get_logger("synkron")


class Role(StrEnum):
    """What a process does."""

    SCHEDULER = "scheduler"
    WORKER = "worker"
    API = "api"


def all_roles(settings: Settings) -> list[Role]:
    """What one process does alone: it answers HTTP too where the settings say on which address."""
    return [Role.SCHEDULER, Role.WORKER, *([Role.API] if "listen" in settings.model_fields_set else [])]


async def serve(
    url: str,
    settings: Settings,
    roles: Collection[Role],
    stop: asyncio.Event,
    environment: Mapping[str, str],
    *,
    at_once: asyncio.Event | None = None,
    clock: WallClock = wall_clock,
) -> None:
    """Run the loops of the roles until ``stop`` is set; then see the attempts under way through, or hand them back.

    They have the settings' grace for it, unless ``at_once`` is set in the meantime. A database that goes away is
    waited for. ``clock`` is the host's own, of which is only said how far it is off. Raises DatabaseUnreachable when
    the database is not there at the start, LedgerMissing when it was not migrated, SourceTableMissing and
    ServiceRoleRequired, SettingsError when a target's settings are faulty, and Refused when the API can't listen.
    """
    name = process_name()
    at_once = at_once or asyncio.Event()
    if Role.WORKER in roles:
        refuse_transaction_pooler(url)
    signings = read_signings(settings, environment) if Role.API in roles else {}
    async with AsyncExitStack() as stack:
        targets: Mapping[str, Target] = {}
        if set(roles) != {Role.API}:
            targets = await stack.enter_async_context(open_targets(settings, environment))
        async with connected(url) as connection, speaking_of(settings.source):
            await check_source(connection, settings.source)
            await check_ledger(connection)
        if Role.API in roles:
            address = await stack.enter_async_context(_answering(url, settings, signings))
            log.info("listening", address=address, completions=",".join(signings) or "none")
        log.info("started", name=name, roles=",".join(roles), targets=",".join(targets) or "none")
        reporter = Reporter(name, roles, release(), clock)
        loops = [_persist("report", stop, lambda: _report_node(url, reporter, stop))]
        if Role.SCHEDULER in roles:
            loops.append(_persist("scheduler", stop, lambda: _schedule(url, settings, name, stop)))
            loops.append(_persist("verification", stop, lambda: _verify(url, settings, stop)))
        if Role.WORKER in roles:
            loops.append(_persist("worker", stop, lambda: _work(url, settings, targets, name, stop, at_once)))
        await _together(loops, stop, at_once)
        with suppress(*DRIVER_FAULTS, SynkronError):
            async with connected(url) as connection:
                await reporter.stop(connection)
    log.info("stopped", name=name)


async def _together(loops: list[Coroutine[None, None, None]], stop: asyncio.Event, at_once: asyncio.Event) -> None:
    """Run the loops until all have ended; one that breaks ends the others before its error goes on."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        await asyncio.gather(*tasks)
    finally:
        stop.set()
        at_once.set()
        await asyncio.wait(tasks)


@asynccontextmanager
async def _answering(url: str, settings: Settings, signings: Mapping[str, Signing]) -> AsyncIterator[str]:
    """Answer HTTP until the end of the block; gives the address."""
    async with pooled(url, size=API_POOL_SIZE) as pool, listening(pool, settings, signings) as address:
        yield address


async def _report_node(url: str, reporter: Reporter, stop: asyncio.Event) -> None:
    """Say every few seconds that this process is there."""
    async with connected(url) as connection:
        while not stop.is_set():
            await reporter.report(connection)
            await _pause(stop, REPORT_EVERY.total_seconds())


async def _schedule(url: str, settings: Settings, name: str, stop: asyncio.Event) -> None:
    """Tick at every half minute of the database's clock."""
    loop = asyncio.get_running_loop()
    warned: frozenset[InvalidIntegration] = frozenset()
    forget_at = loop.time()
    async with connected(url) as connection:
        while not stop.is_set():
            began = loop.time()
            done = await tick(connection, settings, scheduler=name)
            warned = _report(done, warned)
            if loop.time() >= forget_at:
                if not await ledger.forget(connection, done.at, settings.retention):
                    log.debug("old partitions kept for an hour more", reason="somebody uses them")
                forget_at = loop.time() + FORGET_EVERY.total_seconds()
            following = next_tick(done.at)
            until_next = following + (AFTER_THE_HALF if following.second else AFTER_THE_MINUTE) - done.at
            await _pause(stop, until_next.total_seconds() - (loop.time() - began))


async def _verify(url: str, settings: Settings, stop: asyncio.Event) -> None:
    """Verify the last day, once an hour by one of all schedulers; broken off when told to stop."""
    while not stop.is_set():
        async with connected(url) as connection:
            verifying = asyncio.create_task(keep_verification(connection, settings, await ledger.clock(connection)))
            await _until(verifying, stop)
            if not verifying.done():
                verifying.cancel()
                await asyncio.wait({verifying})
                return
            report = await verifying
        if report is not None:
            write = log.warning if report.found else log.info
            write("verified", occurrences=report.occurrences, found={str(kind): n for kind, n in report.found.items()})
        await _pause(stop, VERIFY_EVERY.total_seconds())


async def _work(
    url: str,
    settings: Settings,
    targets: Mapping[str, Target],
    name: str,
    stop: asyncio.Event,
    at_once: asyncio.Event,
) -> None:
    """Execute runs; when told to stop, let those under way finish within the grace, then hand them back."""
    grace = settings.shutdown_grace.total_seconds()
    async with pooled(url, size=POOL_SIZE, by_key=True) as pool:
        worker = Worker(pool, settings, targets, name)
        running = asyncio.create_task(worker.run())
        await _until(running, stop)
        worker.stop()
        if not running.done():
            log.info("stopping", attempts_under_way=worker.under_way, grace=grace)
        await _until(running, at_once, longest=grace)
        if not running.done():
            worker.hand_back()
        await running


async def _until(running: asyncio.Task[Any], event: asyncio.Event, longest: float | None = None) -> None:
    """Wait until the task is done or the event is set."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({running, waiting}, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _persist(name: str, stop: asyncio.Event, run: Callable[[], Awaitable[None]]) -> None:
    """Run a loop; when the database fails it, begin again, each time after a longer pause."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    while not stop.is_set():
        began = loop.time()
        try:
            await run()
        except (*DRIVER_FAULTS, PgqException, SynkronError) as error:
            pause = FIRST_PAUSE if loop.time() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            log.warning("database failed", loop=name, reason=str(error) or type(error).__name__, retry_in=pause)
            await _pause(stop, pause)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, or return at once when told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), timeout=max(seconds, 0))
    except TimeoutError:
        return


def _report(done: Tick, warned: frozenset[InvalidIntegration]) -> frozenset[InvalidIntegration]:
    """Log the tick; a row that can't be fired is warned of once for as long as the ticks find it."""
    for row in frozenset(done.invalid) - warned:
        warn_invalid(row)
    warned = frozenset(done.invalid)
    write = log.info if done.claimed or done.skipped else log.debug
    write("tick", at=done.at.isoformat(), due=done.due, claimed=done.claimed, skipped=done.skipped, invalid=len(warned))
    return warned
