"""What the shell completes: types, organizations and the numbers of runs. Whatever is in its way, it says nothing.

Names come from the application's tables, and some shells evaluate what they are given: that is letters, digits and a
few harmless characters only. `fjordlys_barnehager` names Fjordlys Barnehager, since letters and digits are compared.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from io import StringIO
from typing import TYPE_CHECKING, TypeVar

import typer

from synkron.cli.context import Invocation, connection, embedded_folder, organization_names
from synkron.cli.table import minute
from synkron.model import State

if TYPE_CHECKING:
    from synkron.ledger.history import RecordedRun
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

PATIENCE = 1.0  # seconds
MOST = 100
# The runs that can be retried and cancelled.
STATES = {"retry": [State.FAILED], "cancel": [State.RUNNING, State.CLAIMED]}
HARMLESS = re.compile(r"[\w.-]+")

Found = TypeVar("Found")
# What is inserted, and what is said of it.
Completion = tuple[str, str]


def complete_type(context: typer.Context, incomplete: str) -> list[str]:
    """The types of the settings, and those of the rows if there is a database."""

    async def ask(connection: Connection, settings: Settings) -> list[str]:
        from synkron.reports.names.store import read_types

        return await read_types(connection, settings)

    found = {*_types_of_settings(context), *_asked(context, ask)}
    return sorted(one for one in found if one.startswith(incomplete) and HARMLESS.fullmatch(one))[:MOST]


def complete_organization(context: typer.Context, incomplete: str) -> list[str]:
    """The organizations whose name begins as what is written, or whose id does."""

    async def ask(connection: Connection, settings: Settings) -> list[str]:
        from synkron.source.reader import read_names

        names = await read_names(connection, settings.source)
        return [one for ident, name in names.items() for one in _beginning(incomplete, ident, name)]

    return sorted(set(_asked(context, ask)))[:MOST]


def complete_run(context: typer.Context, incomplete: str) -> list[Completion]:
    """The newest runs that the command may be about, each with what it is."""

    async def ask(connection: Connection, settings: Settings) -> list[Completion]:
        from synkron.ledger import history

        states = STATES.get(context.info_name or "", [None])
        runs = [one for state in states for one in await history.runs(connection, state=state, limit=10 * MOST)]
        meant = [one for one in runs if str(one.id).startswith(incomplete)][:MOST]
        names = await organization_names(connection, settings)
        return [(str(one.id), _described(one, names)) for one in meant]

    return _asked(context, ask)


def _described(run: RecordedRun, names: Mapping[str, str]) -> str:
    text = f"{run.integration_type} {names.get(run.org_id) or run.org_id} {minute(run.scheduled_for)} UTC {run.state}"
    return re.sub(r"[^\w .:-]+", " ", text)


def _beginning(incomplete: str, ident: str, name: str) -> Iterator[str]:
    """What is written, and the rest of the name or of the id, if either begins so."""
    from synkron.reports.names.match import words_of

    begun, words = words_of(incomplete), words_of(name)
    if words and words.startswith(begun):
        rest = words[len(begun) :]
        yield incomplete + (rest.lstrip() if re.search(r"[\W_]$", incomplete) else rest).replace(" ", "_")
    if incomplete and ident.startswith(incomplete) and HARMLESS.fullmatch(ident):
        yield ident


def _types_of_settings(context: typer.Context) -> Collection[str]:
    from synkron.settings.quick import type_names

    with _silent():
        return type_names(_settings(context))
    return ()


def _asked(context: typer.Context, ask: Callable[[Connection, Settings], Awaitable[list[Found]]]) -> list[Found]:
    """What is asked of the database of the settings; nothing if that can't be said, or not in time."""

    import asyncio

    async def asked(url: str, settings: Settings) -> list[Found]:
        async with asyncio.timeout(PATIENCE), connection(url, settings.source) as opened:
            return await ask(opened, settings)

    with _silent(), ExitStack() as resources:
        settings = _settings(context)
        if settings.database_url is not None:
            return asyncio.run(asked(settings.database_url.get_secret_value(), settings))
        from synkron.postgres.embedded import running_database

        if server := resources.enter_context(running_database(embedded_folder(settings))):
            return asyncio.run(asked(server.url(), settings))
    return []


def _settings(context: typer.Context) -> Settings:
    return Invocation(context.find_root().params.get("config")).settings()


@contextmanager
def _silent() -> Iterator[None]:
    """Say nothing, and end without an exception."""
    with suppress(Exception), redirect_stderr(StringIO()):
        yield
