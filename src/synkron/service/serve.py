"""The service: a process runs the loops of its roles until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from synkron.delivery.targets import Target, open_targets, read_signings
from synkron.delivery.targets.function import Function
from synkron.errors import ServiceRoleRequired, SettingsError, SynkronError
from synkron.incidents.channels import Channels, open_channels
from synkron.ledger.installation import read_installation, refuse_another
from synkron.ledger.internal_faults import InternalFaults, persist
from synkron.ledger.migrate import check_ledger
from synkron.ledger.nodes import Reporter
from synkron.postgres.connection import DRIVER_FAULTS, Connect, Connection, connected, pooled
from synkron.postgres.pooler import known_mode
from synkron.postgres.ready import once_ready
from synkron.runtime import (
    WallClock,
    installed_version,
    log,
    process_name,
    steady_clock,
    unless_stopped,
    wall_clock,
)
from synkron.service.api.server import listening
from synkron.service.background import (
    keep_announcing,
    keep_incidents,
    keep_reporting,
    keep_verifying,
    keep_warming_up,
    keep_watching,
)
from synkron.service.heartbeat import DeadMan, open_dead_man
from synkron.service.loops import together
from synkron.service.reports import keep_reporting_exports
from synkron.service.scheduler_loop import LastTick, keep_ticking
from synkron.service.worker_loop import keep_working
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.secrets import gathering
from synkron.settings.signing import Signing, read_signing
from synkron.source.mirror import Mirror, mirror_of
from synkron.source.queries import SourceQueries
from synkron.source.reader import check_source
from synkron.vendors.probe.prober import Prober, open_prober
from synkron.vendors.watches import Watches, read_watches, watches_of

API_POOL_SIZE = 5
# Seconds to report the end.
FAREWELL_WITHIN = 1.0
Loop: TypeAlias = Callable[[], Awaitable[None]]


class Role(StrEnum):
    """What a process does."""

    SCHEDULER = "scheduler"
    WORKER = "worker"
    API = "api"


def all_roles(settings: Settings) -> list[Role]:
    """The roles of a process that runs alone: it serves the API too if the settings say ``listen``."""
    return [Role.SCHEDULER, Role.WORKER, *([Role.API] if "listen" in settings.model_fields_set else [])]


# requirement R15
async def serve(
    url: str,
    settings: Settings,
    roles: Collection[Role],
    stop: asyncio.Event,
    environment: Mapping[str, str],
    *,
    at_once: asyncio.Event | None = None,
    clock: WallClock = wall_clock,
    ready: Callable[[Connection], Awaitable[None]] | None = None,
    functions: Mapping[str, Function] = MappingProxyType({}),
    started: asyncio.Event | None = None,
) -> None:
    """Run the loops of the roles until ``stop`` is set; then let the attempts under way finish, or hand them back.

    Attempts have the settings' grace to finish, unless ``at_once`` is set in the meantime. If the database is lost, the
    loops wait for it. ``clock`` is the host's own clock: only its difference from the database's is reported. On a
    ledger that is not at home, the loops wait until it is. ``ready`` is called in place of ``check``, which it calls
    itself: it prepares the database, and says that all is well. ``functions`` are targets that need not be imported.
    ``started`` is set when the loops run.

    Raises DatabaseUnreachable if there is no database at the start, LedgerMissing if it was not migrated,
    SourceTableMissing and ServiceRoleRequired, SettingsError if the settings of a target, probe or channel are invalid,
    and Refused if the API can't listen or the settings name another installation.
    """
    name = process_name()
    at_once = at_once or asyncio.Event()
    connect = partial(connected, url, settings.heartbeat)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(_opened(settings, roles, environment, functions))
        in_words = SourceQueries(settings.source).in_words
        await unless_stopped(once_ready(connect, in_words, ready or partial(check, settings), stop), stop)
        if stop.is_set():
            return
        if Role.API in roles:
            pool = await stack.enter_async_context(pooled(url, size=API_POOL_SIZE, heartbeat=settings.heartbeat))
            answering = listening(
                pool,
                settings,
                parts.signings,
                tick_signing=parts.tick_signing,
                targets=parts.targets,
                mirror=parts.mirror,
            )
            address = await stack.enter_async_context(answering)
            log.info("listening", address=address, completions=",".join(parts.signings) or "none")
        log.info(
            "started",
            name=name,
            roles=",".join(roles),
            targets=",".join(parts.targets) or "none",
            connection=known_mode(url),
        )
        reporter = Reporter(name, roles, installed_version(), clock)
        faults = InternalFaults(connect, name)
        loops: dict[str, Loop] = {"report": lambda: keep_reporting(connect, settings, reporter, stop)}
        if Role.SCHEDULER in roles:
            last_tick = LastTick()
            loops["scheduler"] = lambda: keep_ticking(
                connect, settings, name, stop, last_tick, parts.dead_man, parts.mirror
            )
            loops |= _beside_the_ticks(connect, settings, stop, parts, last_tick)
        if Role.WORKER in roles:
            loops["worker"] = lambda: keep_working(url, settings, parts.targets, name, stop, at_once, parts.mirror)
        tasks = {asyncio.create_task(persist(loop, stop, run, faults), name=loop) for loop, run in loops.items()}
        if started is not None:
            started.set()
        await together(tasks, stop, at_once, settings.shutdown_grace.total_seconds())
        with suppress(*DRIVER_FAULTS, SynkronError):
            async with asyncio.timeout(FAREWELL_WITHIN), connect() as connection:
                await reporter.stop(connection)
    log.info("stopped", name=name)


@dataclass(frozen=True)
class _Parts:
    """The opened parts that the roles use. Parts that no role uses are empty."""

    targets: Mapping[str, Target]
    signings: Mapping[str, Signing]
    tick_signing: Signing | None
    watches: Watches
    prober: Prober
    channels: Channels
    dead_man: DeadMan
    mirror: Mirror | None


@asynccontextmanager
async def _opened(
    settings: Settings,
    roles: Collection[Role],
    environment: Mapping[str, str],
    functions: Mapping[str, Function] = MappingProxyType({}),
) -> AsyncIterator[_Parts]:
    """The parts, closed at the end. Raises SettingsError with the errors of all parts."""
    faults: list[str] = []
    signings: Mapping[str, Signing] = {}
    tick_signing: Signing | None = None
    watches = Watches((), {})
    targets: Mapping[str, Target] = {}
    channels = Channels({}, Redaction(()))
    mirror: Mirror | None = None
    async with AsyncExitStack() as stack:
        if Role.API in roles:
            with gathering(faults):
                signings = read_signings(settings, environment)
            if settings.tick_secret is not None:
                with gathering(faults):
                    tick_signing = read_signing("tick_secret", settings.tick_secret, environment)
        if Role.SCHEDULER in roles:
            with gathering(faults):
                watches = read_watches(settings, environment)
            with gathering(faults):
                channels = await stack.enter_async_context(open_channels(settings, environment))
        if Role.WORKER in roles:
            with gathering(faults):
                watches_of(settings)
        if set(roles) != {Role.API} or settings.tick_secret is not None:
            with gathering(faults):
                mirror = mirror_of(settings, environment)
            with gathering(faults):
                targets = await stack.enter_async_context(open_targets(settings, environment, functions))
        with gathering(faults):
            loop_clock = steady_clock(asyncio.get_running_loop())
            dead_man = await stack.enter_async_context(
                open_dead_man(settings.heartbeat_url, loop_clock, failure=settings.heartbeat_failure_url)
            )
        if faults:
            raise SettingsError(list(dict.fromkeys(faults)))
        prober = await stack.enter_async_context(open_prober(watches.requests))
        yield _Parts(targets, signings, tick_signing, watches, prober, channels, dead_man, mirror)


async def faults_of(settings: Settings, roles: Collection[Role], environment: Mapping[str, str]) -> list[str]:
    """The errors in the settings of the roles' targets, probes and channels, and in their secrets."""
    try:
        async with _opened(settings, roles, environment):
            return []
    except SettingsError as error:
        return error.faults
    except ServiceRoleRequired as error:
        return [f"supabase.secret_key: {error}"]


def _beside_the_ticks(
    connect: Connect, settings: Settings, stop: asyncio.Event, parts: _Parts, last_tick: LastTick
) -> dict[str, Loop]:
    """The scheduler's other loops. Each channel has its own, so one that hangs does not delay the others."""
    names: list[str | None] = [*parts.channels.by_name] or [None]
    return {
        "warm-up": lambda: keep_warming_up(connect, settings, parts.targets, stop, last_tick),
        "health": lambda: keep_watching(connect, settings, parts.watches, parts.prober, stop),
        "incidents": lambda: keep_incidents(connect, settings, parts.watches.watches, stop, last_tick),
        "verification": lambda: keep_verifying(connect, settings, stop),
        **({"reports": lambda: keep_reporting_exports(connect, settings, stop)} if settings.reports else {}),
        **{
            f"announcements to {name}" if name else "announcements": partial(
                keep_announcing, connect, settings, parts.channels, name, stop
            )
            for name in names
        },
    }


async def check(settings: Settings, connection: Connection) -> None:
    """Check that all tables exist and that the ledger is the one that the settings name.

    Raises LedgerMissing, SourceTableMissing, ServiceRoleRequired and Refused.
    """
    await check_source(connection, settings.source)
    await check_ledger(connection)
    refuse_another(await read_installation(connection), settings.installation)
