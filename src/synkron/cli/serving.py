"""What the commands that serve have in common: checked settings, a database that is ready, targets, and signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from synkron.cli.context import Invocation, embedded_folder
from synkron.cli.output import say
from synkron.errors import Refused, SettingsError
from synkron.settings.integrations.naming import section_of

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.service.parts import Role
    from synkron.settings.api import ApiSettings
    from synkron.settings.load import Settings

# The name of a file in the demo's data folder.
DEMO = "demo"
NO_DATABASE = (
    "no database is named. Set SYNKRON_DATABASE_URL to one such as postgresql://user:password@host:5432/app, "
    "or start Synkron's own PostgreSQL with `synkron up --embedded` (`synkron up --demo` for the demo); what "
    "that has set up is used wherever SYNKRON_DATA_DIR names its folder"
)


def settings_of_service(invoked: Invocation, roles: list[Role] | None = None, *, embedded: bool = False) -> Settings:
    """The settings, of which all that the roles (or all) open can be opened: found out before anything is done or said.

    ``embedded`` says that the embedded database is meant. Raises SettingsError with every fault, and Refused.
    """
    from synkron.service.api.role import check_installed
    from synkron.service.parts import Role, all_roles

    settings, faults = settings_and_faults(invoked, roles, serving=True)
    if not embedded and not _names_database(settings):
        faults.append(NO_DATABASE)
    if faults:
        raise SettingsError(faults)
    if settings.database_url is None:
        refuse_demo(embedded_folder(settings))
    if Role.API in (roles or all_roles(settings)):
        check_installed()
        from synkron.service.api.server import check_listen

        asyncio.run(check_listen(settings.listen))
    return settings


def refuse_unnamed(settings: Settings) -> None:
    """Raise SettingsError unless somebody said which database is to be worked on."""
    if not _names_database(settings):
        raise SettingsError([NO_DATABASE])


def _names_database(settings: Settings) -> bool:
    """Whether there is its URL, or the folder of an embedded one that is set up."""
    return settings.database_url is not None or (settings.data_dir is not None and is_embedded(settings))


def is_embedded(settings: Settings) -> bool:
    """Whether an embedded database is there already."""
    from synkron.postgres.embedded import is_set_up

    return is_set_up(embedded_folder(settings))


def mark_demo(folder: Path) -> None:
    """Let everybody know that the organizations of the database in this folder are the demo's."""
    (folder / DEMO).touch()


def refuse_demo(folder: Path) -> None:
    """Raise Refused if the organizations of the database in this folder are the demo's."""
    if (folder / DEMO).exists():
        raise Refused(
            f"The organizations in {folder} are the demo's, which must not reach your targets. Set SYNKRON_DATA_DIR "
            "to another folder for `synkron up --embedded`, or SYNKRON_DATABASE_URL to your database."
        )


def settings_and_faults(
    invoked: Invocation, roles: list[Role] | None = None, *, serving: bool = False
) -> tuple[Settings, list[str]]:
    """The settings without what is invalid, and every fault. Raises SettingsError if nothing is left of them."""
    from synkron.service.parts import all_roles, faults_of
    from synkron.settings.load import Settings

    faults: list[str] = []
    try:
        settings = invoked.settings(whole=True, serving=serving)
    except SettingsError as error:
        if not isinstance(error.rest, Settings):
            raise
        settings, faults = error.rest, error.faults
    return settings, faults + asyncio.run(faults_of(settings, roles or all_roles(settings), invoked.environment))


async def prepare(connection: Connection, settings: Settings, *, embedded: bool) -> list[str]:
    """Bring the database up to this release; an embedded one gets the application's two tables as well.

    Answers the migrations. A role that may not create is content with a database that is up to date already.
    """
    from asyncpg import InsufficientPrivilegeError

    from synkron.ledger.migrate import check_ledger, create_due_indexes, create_source_tables, migrate

    try:
        applied = await migrate(connection)
    except InsufficientPrivilegeError:
        await check_ledger(connection)
        applied = []
    if embedded:
        await create_source_tables(connection, settings.source)
        await create_due_indexes(connection, settings.source)
    return applied


def roles_of_up(settings: Settings) -> list[Role]:
    """The roles of a process that does everything: the API, too, where what it needs is installed."""
    from synkron.service.api.role import is_installed
    from synkron.service.parts import Role, all_roles

    roles = all_roles(settings)
    return [*roles, Role.API] if Role.API not in roles and is_installed() else roles


async def say_dashboard(url: str, api: ApiSettings, address: str) -> None:
    """Say where people reach the dashboard, with a link that logs this person in once."""
    link = await dashboard_link(url, api, address)
    say(f"dashboard: {link} logs you in once, within ten minutes; then `synkron login`")


async def dashboard_link(url: str, api: ApiSettings, address: str) -> str:
    """A link to the dashboard at this address that logs this person in once."""
    from synkron.cli.confirm import user
    from synkron.operations.access.actor import Permission
    from synkron.operations.access.sessions import make_login_link
    from synkron.postgres.connection import connected
    from synkron.settings.api import login_address

    async with connected(url) as connection:
        secret = await make_login_link(connection, user(), Permission.ADMIN)
    return login_address(api, address.removeprefix("http://"), secret)


def say_targets(settings: Settings) -> None:
    """Say what a worker will call, and which runs it will skip as nothing is set to be called."""
    from synkron.service.status.targets import types_without_target

    for name, one in settings.types.items():
        if one.target:
            say(f"target: {name} is delivered to {_without_password(one.target)}")
    say_without_target(types_without_target(settings, settings.types))


def say_without_target(types: Sequence[str]) -> None:
    """Say of which types the runs will be skipped, as nothing is set to be called."""
    if types:
        say(
            f"warning: no target for {', '.join(types)} in these settings: a worker that uses them skips such runs. "
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
