"""What the commands that serve have in common: checked settings, a database that is ready, targets, and signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from synkron.cli.context import Invocation
from synkron.cli.output import say
from synkron.errors import SettingsError
from synkron.settings.integrations.naming import section_of

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.service.serve import Role
    from synkron.settings.load import Settings


def settings_of_service(invoked: Invocation, roles: list[Role] | None = None) -> Settings:
    """The settings, of which all that the roles (or all) open can be opened: found out before anything is done or said.

    Raises SettingsError with every fault.
    """
    settings, faults = settings_and_faults(invoked, roles)
    if faults:
        raise SettingsError(faults)
    return settings


def settings_and_faults(invoked: Invocation, roles: list[Role] | None = None) -> tuple[Settings, list[str]]:
    """The settings without what is invalid, and every fault. Raises SettingsError if nothing is left of them."""
    from synkron.service.serve import all_roles, faults_of
    from synkron.settings.load import Settings

    faults: list[str] = []
    try:
        settings = invoked.settings(whole=True)
    except SettingsError as error:
        if not isinstance(error.rest, Settings):
            raise
        settings, faults = error.rest, error.faults
    return settings, faults + asyncio.run(faults_of(settings, roles or all_roles(settings), invoked.environment))


async def prepare(connection: Connection, settings: Settings, *, embedded: bool) -> None:
    """Bring the database up to this release; an embedded one gets the application's two tables as well.

    A role that may not create is content with a database that is up to date already.
    """
    from asyncpg import InsufficientPrivilegeError

    from synkron.ledger.migrate import check_ledger, create_due_indexes, create_source_tables, migrate

    try:
        applied = await migrate(connection)
    except InsufficientPrivilegeError:
        await check_ledger(connection)
        applied = []
    if applied:
        say(f"migrated: {', '.join(applied)}")
    if embedded:
        await create_source_tables(connection, settings.source)
        await create_due_indexes(connection, settings.source)


def say_targets(settings: Settings) -> None:
    """Say what a worker will call, and which runs it will skip as nothing is set to be called."""
    for name, one in settings.types.items():
        if one.target:
            say(f"target: {name} is delivered to {_without_password(one.target)}")
    say_without_target([name for name, one in settings.types.items() if not one.target])


def say_without_target(types: Sequence[str]) -> None:
    """Say of which types the runs will be skipped, as nothing is set to be called."""
    if types:
        say(
            f"warning: no target for {', '.join(types)}: such runs will be skipped. "
            f"Set {section_of(types[0])}.target in synkron.toml."
        )


def _without_password(target: str) -> str:
    """An address up to its path: what stands behind or in front of the host may be secret."""
    parts = urlsplit(target)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}" if parts.hostname else target


@dataclass(frozen=True, slots=True)
class Stop:
    """What the signals ask for: to stop, and to do so at once."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: asyncio.Event = field(default_factory=asyncio.Event)


def stop_on_signals() -> Stop:
    """From now on, a first signal to end asks to stop, a second to do so at once, and a third has its usual effect.

    The signals are SIGINT, SIGTERM, and SIGHUP (a closed terminal) where nohup did not silence it.
    """
    stop = Stop()
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def told() -> None:
        if not stop.asked.is_set():
            stop.asked.set()
            return
        stop.at_once.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, told)
    return stop
