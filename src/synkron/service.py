"""The service: what a process does in its roles, the loops together, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import StrEnum

import structlog

from synkron.database import DRIVER_FAULTS, connected, pooled, refuse_transaction_pooler, speaking_of
from synkron.errors import SynkronError
from synkron.host import WallClock, process_name, release, wall_clock
from synkron.loops import persist, report_node, schedule, verify, work
from synkron.migrate import check_ledger
from synkron.nodes import Reporter
from synkron.reader import check_source
from synkron.settings import Settings
from synkron.targets import Signing, Target, open_targets, read_signings
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
        loops = [persist("report", stop, lambda: report_node(url, reporter, stop))]
        if Role.SCHEDULER in roles:
            loops.append(persist("scheduler", stop, lambda: schedule(url, settings, name, stop)))
            loops.append(persist("verification", stop, lambda: verify(url, settings, stop)))
        if Role.WORKER in roles:
            loops.append(persist("worker", stop, lambda: work(url, settings, targets, name, stop, at_once)))
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
