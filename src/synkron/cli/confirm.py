"""What every command that changes something has in common: say what would happen, ask, do it, answer."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from synkron.cli.context import answer, invocation
from synkron.cli.options import written
from synkron.cli.output import ExitCode, say, show_lines

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

Plan = TypeVar("Plan")
Done = TypeVar("Done")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Author = Annotated[
    str | None,
    typer.Option(
        parser=written, metavar="NAME", help="Who does it, for the audit.", show_default="SYNKRON_AUTHOR, or user@host"
    ),
]


@dataclass(frozen=True, slots=True)
class Consent:
    """How far a command may go, and in whose name."""

    author: str
    dry_run: bool
    yes: bool
    as_json: bool

    def tell(self, lines: Iterable[str]) -> None:
        """Say what would happen: that is the answer of a dry run, and what a person is asked about."""
        if self.dry_run and not self.as_json:
            show_lines(*lines)
        elif not self.dry_run and not self.yes:
            say(*lines)


def consent(context: typer.Context, *, author: str | None, dry_run: bool, yes: bool, as_json: bool) -> Consent:
    """Read the options. Raises BadParameter where nobody can be asked."""
    if not (dry_run or yes or sys.stdin.isatty()):
        raise typer.BadParameter(
            "there is no terminal to ask at; give --yes to do it, or --dry-run to see what it would"
        )
    name = author or invocation(context).environment.get("SYNKRON_AUTHOR", "").strip() or _user()
    return Consent(written(name), dry_run, yes, as_json)


def operate(
    context: typer.Context,
    agreed: Consent,
    *,
    plan: Callable[[Connection, Settings], Awaitable[Plan]],
    tell: Callable[[Plan], None],
    question: str,
    do: Callable[[Connection, Settings], Awaitable[Done]],
    changes: Callable[[Plan], bool] = lambda _: True,
) -> tuple[Plan, Done | None]:
    """Plan, tell, ask, do. What is done is planned again then, in its own transaction; a dry run does nothing.

    Nor is anything asked or done where the plan ``changes`` nothing.
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[Plan, Done | None]:
        planned = await plan(connection, settings)
        tell(planned)
        if agreed.dry_run or not changes(planned):
            return planned, None
        if not agreed.yes and not typer.confirm(question, err=True):
            say("Nothing was changed.")
            raise typer.Exit(ExitCode.FAILURE)
        return planned, await do(connection, settings)

    return answer(context, ask)


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"
