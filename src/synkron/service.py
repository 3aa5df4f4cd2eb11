"""The service: what a process does in its roles, the loops together, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import structlog

from synkron.announce import Channels, open_channels
from synkron.database import DRIVER_FAULTS, connected, pooled, refuse_transaction_pooler, speaking_of
from synkron.dead_man import DeadMan, open_dead_man
from synkron.errors import SettingsError, SynkronError
from synkron.host import WallClock, process_name, release, steady_clock, wall_clock
from synkron.loops import Sight, deliver, persist, report_node, schedule, tell, verify, warm, watch, work
from synkron.migrate import check_ledger
from synkron.nodes import Reporter
from synkron.probing import Prober, Watches, open_prober, read_watches, watches_of
from synkron.reader import check_source
from synkron.redaction import Redaction
from synkron.settings import Settings
from synkron.targets import Signing, Target, open_targets, read_signings
from synkron.targets.secret import gathering
from synkron.web import listening

API_POOL_SIZE = 5

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
    ServiceRoleRequired, SettingsError when the settings of a target, probe or channel are faulty, and Refused when the
    API can't listen.
    """
    name = process_name()
    at_once = at_once or asyncio.Event()
    if Role.WORKER in roles:
        refuse_transaction_pooler(url)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(_opened(settings, roles, environment))
        async with connected(url) as connection, speaking_of(settings.source):
            await check_source(connection, settings.source)
            await check_ledger(connection)
        if Role.API in roles:
            address = await stack.enter_async_context(_answering(url, settings, parts.signings))
            log.info("listening", address=address, completions=",".join(parts.signings) or "none")
        log.info("started", name=name, roles=",".join(roles), targets=",".join(parts.targets) or "none")
        reporter = Reporter(name, roles, release(), clock)
        loops = [persist("report", stop, lambda: report_node(url, reporter, stop))]
        if Role.SCHEDULER in roles:
            sight = Sight()
            loops.append(persist("scheduler", stop, lambda: schedule(url, settings, name, stop, sight, parts.dead_man)))
            beside = _beside_the_ticks(url, settings, stop, parts, sight)
            loops += [persist(loop, stop, run, beside=True) for loop, run in beside.items()]
        if Role.WORKER in roles:
            loops.append(persist("worker", stop, lambda: work(url, settings, parts.targets, name, stop, at_once)))
        await _together(loops, stop, at_once)
        with suppress(*DRIVER_FAULTS, SynkronError):
            async with connected(url) as connection:
                await reporter.stop(connection)
    log.info("stopped", name=name)


@dataclass(frozen=True)
class _Parts:
    """What the roles work with, opened; what a role has no use for is empty."""

    targets: Mapping[str, Target]
    signings: Mapping[str, Signing]
    watches: Watches
    prober: Prober
    channels: Channels
    dead_man: DeadMan


@asynccontextmanager
async def _opened(settings: Settings, roles: Collection[Role], environment: Mapping[str, str]) -> AsyncIterator[_Parts]:
    """The parts, closed at the end. Raises SettingsError with every fault of all of them."""
    faults: list[str] = []
    signings: Mapping[str, Signing] = {}
    watches = Watches((), {})
    targets: Mapping[str, Target] = {}
    channels = Channels({}, Redaction(()))
    async with AsyncExitStack() as stack:
        if Role.API in roles:
            with gathering(faults):
                signings = read_signings(settings, environment)
        if Role.SCHEDULER in roles:
            with gathering(faults):
                watches = read_watches(settings, environment)
            with gathering(faults):
                channels = await stack.enter_async_context(open_channels(settings, environment))
        if Role.WORKER in roles:
            with gathering(faults):
                watches_of(settings)
        if set(roles) != {Role.API}:
            with gathering(faults):
                targets = await stack.enter_async_context(open_targets(settings, environment))
        with gathering(faults):
            loop_clock = steady_clock(asyncio.get_running_loop())
            dead_man = await stack.enter_async_context(open_dead_man(settings.heartbeat_url, loop_clock))
        if faults:
            raise SettingsError(list(dict.fromkeys(faults)))
        prober = await stack.enter_async_context(open_prober(watches.requests))
        yield _Parts(targets, signings, watches, prober, channels, dead_man)


async def faults_of(settings: Settings, roles: Collection[Role], environment: Mapping[str, str]) -> list[str]:
    """What is faulty in the settings of the roles' targets, probes and channels, and their secrets."""
    try:
        async with _opened(settings, roles, environment):
            return []
    except SettingsError as error:
        return error.faults


def _beside_the_ticks(
    url: str, settings: Settings, stop: asyncio.Event, parts: _Parts, sight: Sight
) -> dict[str, Callable[[], Awaitable[None]]]:
    """What a scheduler does besides; a channel that hangs holds no other up."""
    watches = parts.watches
    names: list[str | None] = [*parts.channels.by_name] or [None]
    return {
        "warm-up": lambda: warm(url, settings, parts.targets, stop, sight),
        "health": lambda: watch(url, settings, watches, parts.prober, stop),
        "incidents": lambda: tell(url, settings, watches.watches, stop, sight),
        "verification": lambda: verify(url, settings, stop),
        **{f"announcements to {name or 'nobody'}": partial(deliver, url, parts.channels, name, stop) for name in names},
    }


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
