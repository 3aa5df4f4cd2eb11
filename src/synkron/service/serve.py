"""The service: a process runs the loops of its roles until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from synkron.delivery.targets.function import Function
from synkron.errors import SynkronError
from synkron.ledger.installation import read_installation, refuse_another
from synkron.ledger.internal_faults import InternalFaults, persist
from synkron.ledger.migrate import check_ledger
from synkron.ledger.nodes import Reporter
from synkron.postgres.connection import DRIVER_FAULTS, Connect, Connection, connected
from synkron.postgres.pooler import known_mode
from synkron.postgres.ready import once_ready
from synkron.runtime import (
    WallClock,
    installed_version,
    log,
    process_name,
    unless_stopped,
    wall_clock,
)
from synkron.service.api.role import answering
from synkron.service.background import (
    keep_announcing,
    keep_incidents,
    keep_reporting,
    keep_verifying,
    keep_warming_up,
    keep_watching,
)
from synkron.service.loops import together
from synkron.service.parts import Role, RoleParts, opened_parts
from synkron.service.reports import keep_reporting_exports
from synkron.service.scheduler_loop import LastTick, keep_ticking
from synkron.service.worker_loop import keep_working
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries
from synkron.source.reader import check_source

# Seconds to report the end.
FAREWELL_WITHIN = 1.0
Loop: TypeAlias = Callable[[], Awaitable[None]]


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
    listening: Callable[[str], Awaitable[None]] | None = None,
    anywhere: bool = False,
) -> None:
    """Run the loops of the roles until ``stop`` is set; then let the attempts under way finish, or hand them back.

    Attempts have the settings' grace to finish, unless ``at_once`` is set in the meantime. If the database is lost, the
    loops wait for it. ``clock`` is the host's own clock: only its difference from the database's is reported. On a
    ledger that is not at home, the loops wait until it is. ``ready`` is called in place of ``check``, which it calls
    itself: it prepares the database, and says that all is well. ``functions`` are targets that need not be imported.
    ``started`` is set when the loops run. ``listening`` is called with the address of the API once it answers; with
    ``anywhere``, that is any free port if the one of the settings is taken.

    Raises DatabaseUnreachable if there is no database at the start, LedgerMissing if it was not migrated,
    SourceTableMissing and ServiceRoleRequired, SettingsError if the settings of a target, probe or channel are invalid,
    and Refused if the API can't listen or the settings name another installation.
    """
    name = process_name()
    at_once = at_once or asyncio.Event()
    connect = partial(connected, url, settings.heartbeat)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(opened_parts(settings, roles, environment, functions))
        in_words = SourceQueries(settings.source).in_words
        await unless_stopped(once_ready(connect, in_words, ready or partial(check, settings), stop), stop)
        if stop.is_set():
            log.info("stopped", name=name)
            return
        address = None
        if Role.API in roles:
            api = answering(
                url,
                settings,
                environment,
                signings=parts.signings,
                tick_signing=parts.tick_signing,
                targets=parts.targets,
                mirror=parts.mirror,
                anywhere=anywhere,
            )
            address = await stack.enter_async_context(api)
            log.info("listening", address=address, completions=",".join(parts.signings) or "none")
            if listening is not None:
                await listening(address)
        log.info(
            "started",
            name=name,
            roles=",".join(roles),
            targets=",".join(parts.targets) or "none",
            connection=known_mode(url),
        )
        reporter = Reporter(name, roles, installed_version(), clock, address)
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


def _beside_the_ticks(
    connect: Connect, settings: Settings, stop: asyncio.Event, parts: RoleParts, last_tick: LastTick
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
