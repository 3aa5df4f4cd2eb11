"""The table of what operators have put in place for a while: pauses and silences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.output import show
from synkron.cli.table import Field, minute

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.names.match import AskedScope
    from synkron.settings.load import Settings

Ended = Annotated[bool, typer.Option("--ended", help="Also those that have ended.")]


def show_lasting(
    context: typer.Context,
    read: Callable[..., Awaitable[Sequence[Any]]],
    named: AskedScope,
    noun: str,
    participle: str,
    *,
    ended: bool,
    as_json: bool,
) -> None:
    """Show those that last and are about what is ``named``, or with ``ended`` all; in JSON, each is as it was recorded.

    They are ``read`` by a function of the operations.
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[Sequence[Any], Mapping[str, str]]:
        scope = await scope_of(named, connection, settings, around=True)
        found = await read(connection, settings, scope, ended=ended)
        return found, await organization_names(connection, settings)

    found, names = answer(context, ask)
    fields = [
        Field("no", "id", right=True),
        Field(participle, lambda one: _by_name(one, names), wrap=True),
        Field("since (UTC)", "starts_at", optional=True),
        Field(
            "until (UTC)", lambda one: one.ended_at or one.until, lambda end: minute(end) if end else "until resumed"
        ),
        Field("reason, and who", lambda one: f"{one.reason} ({one.author})", wrap=True),
        *([Field("state", "state")] if ended else []),
    ]
    empty = f"There was never a {noun}." if ended else f"Nothing is {participle}."
    show(found, fields, as_json=as_json, empty=empty, noun=noun, names=names)


def _by_name(one: Any, names: Mapping[str, str]) -> str:  # noqa: ANN401  (a pause or a silence)
    """What it is about, with the organization's name instead of its id and name."""
    name = names.get(one.org_id or "")
    subject: str = one.subject
    return subject.replace(f"{one.org_id} ({name})", name) if name else subject
