"""What every command that changes something has in common: say what would happen, ask, do it, answer."""

from __future__ import annotations

import getpass
import inspect
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import update_wrapper
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, invocation, organization_names, scope_of
from synkron.cli.options import AsJson, written
from synkron.cli.output import ExitCode, say, show_json, show_lines, show_sentences
from synkron.cli.when import WrittenTime
from synkron.reports.names.match import AskedScope

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
        parser=written,
        metavar="NAME",
        help="In whose name, for the audit.",
        show_default="SYNKRON_AUTHOR, or user@host",
    ),
]
Reason = Annotated[str, typer.Option(parser=written, metavar="TEXT", help="The reason, which others see.")]


@dataclass(frozen=True, slots=True)
class Consent:
    """How far a command may go."""

    dry_run: bool
    yes: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class Change(Generic[Plan, Done]):
    """What a command is to change.

    ``plan`` says what would happen, and ``told`` says it in words; ``do`` does it in somebody's name, and ``done`` says
    what was done. ``json`` is the answer for programs; what was done is None there in a dry run. A plan that does not
    ``change`` anything is neither asked about nor done; ``nothing`` is said of it. ``show`` shows more of a plan than
    words, on stderr where it is told so.
    """

    plan: Callable[[Connection, Settings, datetime], Awaitable[Plan]]
    do: Callable[[Connection, Settings, str], Awaitable[Done]]
    question: str
    told: Callable[[Plan], Iterable[str]]
    done: Callable[[Plan, Done], Iterable[str]]
    json: Callable[[Plan, Done | None], Mapping[str, object]]
    changes: Callable[[Plan], bool] = lambda _: True
    nothing: str = ""
    show: Callable[[Plan, bool], None] = lambda *_: None


def changing(ask: Callable[..., Change[Any, Any]]) -> Callable[..., None]:
    """Make a command of a function that says what is to be changed. It gets the options that all of them have.

    The function is given its own options, and a ``Consent`` where it takes one as ``agreed``. It is called twice: with
    the options as they were written, before the database is asked, to refuse what does not fit together; and with the
    ids of what they name and the instants of their times. What is done is planned again then, in its own transaction;
    a dry run does nothing.
    """
    del ask.__annotations__["return"]  # of what is imported only for the types
    own = inspect.signature(ask, eval_str=True).parameters
    takes_consent = "agreed" in own

    def command(
        context: typer.Context,
        author: Author = None,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: AsJson = False,
        **given: object,
    ) -> None:
        agreed = Consent(dry_run, yes, as_json)

        def asked(given: Mapping[str, object]) -> Change[Any, Any]:
            return ask(**given, **({"agreed": agreed} if takes_consent else {}))

        asked(given)
        change, plan, done, names = _operate(context, agreed, author, given, asked)
        if as_json:
            show_json({"dry_run": dry_run, **change.json(plan, done)}, names)
        elif done is not None:
            show_sentences(*change.done(plan, done))
        elif not dry_run:
            show_lines(change.nothing)

    before, *behind, _ = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [before, *(one for name, one in own.items() if name != "agreed"), *behind]
    update_wrapper(command, ask)
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    )
    command.__annotations__ = {}
    return command


# What was to be changed, the plan, what was done, and the organizations' names.
Operated = tuple[Change[Any, Any], Any, Any, Mapping[str, str]]


def _operate(
    context: typer.Context,
    agreed: Consent,
    author: str | None,
    given: Mapping[str, Any],
    asked: Callable[[Mapping[str, object]], Change[Any, Any]],
) -> Operated:
    """Plan, tell, ask, do. Raises BadParameter where nobody can be asked."""
    if not (agreed.dry_run or agreed.yes or sys.stdin.isatty()):
        raise typer.BadParameter(
            "there is no terminal to ask at; give --yes to do it, or --dry-run to see what it would do"
        )
    from synkron.operations.transaction import read_transaction

    name = author_of(context, author)

    async def ask(connection: Connection, settings: Settings) -> Operated:
        change = asked(await _resolved(connection, settings, given))
        names = await organization_names(connection, settings) if agreed.as_json else {}
        async with read_transaction(connection) as now:
            planned = await change.plan(connection, settings, now)
        _tell(planned, agreed, change)
        if agreed.dry_run or not change.changes(planned):
            return change, planned, None, names
        if not agreed.yes and not typer.confirm(change.question, err=True):
            say("Nothing was changed.")
            raise typer.Exit(ExitCode.FAILURE)
        return change, planned, await change.do(connection, settings, name), names

    return answer(context, ask)


async def _resolved(connection: Connection, settings: Settings, given: Mapping[str, Any]) -> Mapping[str, object]:
    """The options, with the ids of what they name and the instants of their times, in the zone of whom they name.

    This is done once, so that what is done is what a person was told.
    """
    named = AskedScope(given.get("org"), given.get("integration_type"), given.get("integration"))
    scope = await scope_of(named, connection, settings)
    ids = zip(("org", "integration_type", "integration"), scope, strict=True)
    times = {name: value for name, value in given.items() if isinstance(value, WrittenTime)}
    found = await moments(connection, settings, *times.values(), scope=scope)
    known = {option: ident for option, ident in ids if option in given}
    return {**given, **known, **dict(zip(times, found, strict=True))}


def _tell(planned: Plan, agreed: Consent, change: Change[Plan, Done]) -> None:
    """Say what would happen: that is the answer of a dry run, and what a person is asked about."""
    if agreed.dry_run and not agreed.as_json:
        show_sentences(*change.told(planned))
    elif not agreed.dry_run and not agreed.yes:
        say(*change.told(planned))
    if not agreed.yes and not agreed.as_json:
        change.show(planned, not agreed.dry_run)


def author_of(context: typer.Context, given: str | None) -> str:
    """In whose name a command changes something."""
    return written(given or invocation(context).environment.get("SYNKRON_AUTHOR", "").strip() or user())


def user() -> str:
    """Who types this: the author where none is given."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"
