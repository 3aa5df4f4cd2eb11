"""Synkron inside an application: its loops run beside the application's own work, in the same event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from pydantic import TypeAdapter, ValidationError

from synkron.delivery.targets.function import Function
from synkron.errors import SettingsError
from synkron.runtime import log, until
from synkron.service.host_log import without_secrets
from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings, fault_in, load_settings
from synkron.settings.secrets import secrets_of
from synkron.settings.sections import TypeSettings
from synkron.settings.values import TypeName


# requirement R15
@asynccontextmanager
async def running(
    settings: Settings | None = None,
    *,
    roles: Collection[str] = (Role.SCHEDULER, Role.WORKER),
    targets: Mapping[str, Function] = MappingProxyType({}),
) -> AsyncIterator[None]:
    """Run the scheduler, a worker, the API, or several, for as long as the block lasts.

    Without ``settings``, they are read as the commands read them: from ``synkron.toml`` and the environment. ``roles``
    are ``scheduler``, ``worker`` and ``api``. ``targets`` are Python callables by integration type, each of which takes
    a ``Run``, as if the settings named them.

    The block begins when the loops run, and goes on while the database is away. At its end, the attempts under way have
    the settings' ``shutdown_grace`` to finish; if the block's task is cancelled meanwhile, they are handed back at
    once. If the database does not answer, ending takes some seconds more. No task is left behind. Signals, the event
    loop and the log stay the application's.

    Raises what the block raises; before it begins SettingsError, DatabaseUnreachable, LedgerMissing (run
    ``synkron migrate`` first), SourceTableMissing, ServiceRoleRequired, and Refused if the API can't listen.
    """
    chosen = _with_targets(_settings(settings), targets)
    if chosen.database_url is None:
        raise SettingsError(["database_url: not set; set SYNKRON_DATABASE_URL, or database_url in synkron.toml"])
    stop, at_once, started = asyncio.Event(), asyncio.Event(), asyncio.Event()
    url = chosen.database_url.get_secret_value()
    service = serve(url, chosen, _roles(roles), stop, os.environ, at_once=at_once, functions=targets, started=started)
    with without_secrets(secrets_of(chosen, os.environ)):
        serving = asyncio.create_task(service, name="synkron")
        try:
            await until(serving, started)
            if started.is_set():
                serving.add_done_callback(_say_that_it_ended)
                try:
                    yield
                finally:
                    serving.remove_done_callback(_say_that_it_ended)
        except BaseException:
            await _ended(serving, stop, at_once)
            # What the block raised, or its cancellation, is raised, and no error of a start that was given up.
            _ = serving.cancelled() or serving.exception()
            raise
        await _ended(serving, stop, at_once)
        if not (started.is_set() and serving.cancelled()):
            serving.result()


async def _ended(serving: asyncio.Task[None], stop: asyncio.Event, at_once: asyncio.Event) -> None:
    """Stop it, and wait until it has ended: at once if this task is cancelled meanwhile, however often that is."""
    stop.set()
    cancelled: asyncio.CancelledError | None = None
    while not serving.done():
        try:
            await asyncio.wait({serving})
        except asyncio.CancelledError as error:
            at_once.set()
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _say_that_it_ended(_: object) -> None:
    log.error("ended while the program's block goes on", reason="its task was cancelled by the program")


def _settings(given: Settings | None) -> Settings:
    found = load_settings() if given is None else given
    if not isinstance(found, Settings):
        raise SettingsError(
            [f"settings: expected what `synkron.load_settings()` returns; found a {type(found).__name__}"]
        )
    return found


def _roles(given: object) -> list[Role]:
    names = given if isinstance(given, Collection) and not isinstance(given, str) else ()
    if not names or not all(name in list(Role) for name in names):
        raise SettingsError([f"roles: expected a list of one or more of {', '.join(Role)}; found {given!r}"])
    return [Role(name) for name in dict.fromkeys(names)]


def _with_targets(settings: Settings, targets: Mapping[str, Function]) -> Settings:
    """The settings as if they named the targets. Types that they do not have yet get the default policy."""
    if not isinstance(targets, Mapping):
        raise SettingsError([f"targets: expected callables by integration type; found {targets!r}"])
    try:
        TypeAdapter(dict[TypeName, object]).validate_python(dict(targets))
    except ValidationError as error:
        raise SettingsError([f"targets: {fault_in(one)}" for one in error.errors()]) from None
    types, faults = dict(settings.types), []
    for name, function in targets.items():
        one = types[name] if name in types else TypeSettings().named(name)
        if one.target is not None:
            faults.append(f"{section_of(name)}.target: set in the settings and in `targets`; remove one of them")
        types[name] = one.model_copy(update={"target": _name_of(function)})
    if faults:
        raise SettingsError(faults)
    return settings.model_copy(update={"types": types})


def _name_of(function: object) -> str:
    """Where a callable is from, for messages. It has no colon, so that it is no address."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"
