"""What the commands that serve have in common: checked settings, a database that is ready, and the targets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from synkron.cli.context import Invocation
from synkron.cli.output import say
from synkron.errors import SettingsError

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.service.serve import Role
    from synkron.settings.load import Settings


def settings_of_service(invoked: Invocation, roles: list[Role] | None = None) -> Settings:
    """The settings, of which all that the roles (or all) open can be opened: found out before anything is done or said.

    Raises SettingsError with every fault.
    """
    from synkron.service.serve import all_roles, faults_of
    from synkron.settings.load import Settings

    faults: list[str] = []
    try:
        settings = invoked.settings(whole=True)
    except SettingsError as error:
        if not isinstance(error.rest, Settings):
            raise
        settings, faults = error.rest, error.faults
    faults += asyncio.run(faults_of(settings, roles or all_roles(settings), invoked.environment))
    if faults:
        raise SettingsError(faults)
    return settings


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
    from synkron.settings.integrations.naming import section_of

    if types:
        say(
            f"warning: no target for {', '.join(types)}: such runs will be skipped. "
            f"Set {section_of(types[0])}.target in synkron.toml."
        )


def _without_password(target: str) -> str:
    """An address up to its path: what stands behind or in front of the host may be secret."""
    from urllib.parse import urlsplit

    parts = urlsplit(target)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}" if parts.hostname else target
