"""The options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from synkron.cli.completion import complete_organization, complete_type
from synkron.cli.when import Meant, TimeRefused, WrittenTime, read_time
from synkron.text import LARGEST, duration_text, whole_number, written_span
from synkron.text import written as written_text

Read = TypeVar("Read")


def past(text: str) -> WrittenTime:
    """A time as a person writes it: without a date, the last one is meant."""
    return _time(text, Meant.PAST)


def future(text: str) -> WrittenTime:
    """The same, and the next one is meant."""
    return _time(text, Meant.FUTURE)


def _time(text: str, meant: Meant) -> WrittenTime:
    try:
        return read_time(text, meant)
    except TimeRefused as error:
        raise typer.BadParameter(str(error)) from None


def span(text: str) -> timedelta:
    """``30m``, ``24h``, ``7d``: above zero, and at most ten years."""
    return _read(written_span, text)


def span_between(shortest: timedelta, longest: timedelta) -> Callable[[str], timedelta]:
    """A parser of spans from ``shortest`` to ``longest``."""

    def parsed(text: str) -> timedelta:
        length = span(text)
        if shortest <= length <= longest:
            return length
        raise typer.BadParameter(f'"{text}" is not a span from {duration_text(shortest)} to {duration_text(longest)}.')

    return parsed


def whole(least: int, most: int) -> dict[str, Any]:
    """What makes an argument or option a whole number in these bounds, as the API reads one; the help shows them."""

    def parsed(text: object) -> int:  # a default is a number
        number = _read(whole_number, str(text))
        if least <= number <= most:
            return number
        raise typer.BadParameter(f"{number} is not a number from {least} to {most}.")

    return {"parser": parsed, "min": least, "max": most}


def written(text: str) -> str:
    """A text that says something, and that the database can hold."""
    return _read(written_text, text)


def _read(read: Callable[[str], Read], text: str) -> Read:
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def installation_name(text: str) -> str:
    """The name of an installation."""
    from synkron.settings.integrations.naming import EXPECTED_INSTALLATION, INSTALLATION

    if INSTALLATION.fullmatch(text):
        return text
    raise typer.BadParameter(f'"{text}": {EXPECTED_INSTALLATION}.')


def refuse_options(context: typer.Context, example: str) -> None:
    """Refuse the options that were given in front of a group's command instead of behind it."""
    defaults = {parameter.name: parameter.default for parameter in context.command.params}
    if any(value != defaults[name] for name, value in context.params.items()):
        raise typer.BadParameter(
            f"options go behind the command: {context.command_path} {context.invoked_subcommand} {example}"
        )


PAST, FUTURE = "02:00 (the last), yesterday, 2026-11-23T02:00Z", "02:00 (the next), tomorrow, 2026-11-23T02:00Z"
AtPast = Annotated[
    WrittenTime | None,
    typer.Option("--at", parser=past, metavar="TIME", help=f"When: {PAST}.", show_default="now"),
]
AtFuture = Annotated[
    WrittenTime | None,
    typer.Option("--at", parser=future, metavar="TIME", help=f"When: {FUTURE}.", show_default="now"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Organization = Annotated[
    str | None,
    typer.Option(
        "--org",
        parser=written,
        autocompletion=complete_organization,
        metavar="ORG",
        help="Only this organization: its name, a part, or its id.",
    ),
]
Type = Annotated[
    str | None,
    typer.Option(
        "--type",
        parser=written,
        autocompletion=complete_type,
        metavar="TYPE",
        help="Only this integration type.",
    ),
]
_INTEGRATION = typer.Option(
    "--integration",
    parser=written,
    metavar="INTEGRATION",
    help='This integration: its id, the beginning of it, or "ORG TYPE".',
)
Integration = Annotated[str | None, _INTEGRATION]
OneIntegration = Annotated[str, _INTEGRATION]
InstallationName = Annotated[
    str | None,
    typer.Option("--installation", parser=installation_name, metavar="NAME", help="The name of this ledger."),
]
SinceWhen = Annotated[
    WrittenTime | None,
    typer.Option("--since", parser=past, metavar="TIME", help=f"Not before: 24h (ago), {PAST}."),
]
SinceADay = Annotated[
    WrittenTime | None,
    typer.Option("--since", parser=past, metavar="TIME", help=f"From when on: 24h (ago), {PAST}.", show_default="24h"),
]
# The commands that change something get the instant (`changing`).
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=future, metavar="TIME", help=f"When it ends by itself: {FUTURE}."),
]
For = Annotated[
    timedelta | None,
    typer.Option("--for", parser=span, metavar="SPAN", help="How long until it ends by itself: 30m, 24h, 7d."),
]
# The number of something on record: a run, an incident, a silence, a pause.
NUMBER = whole(1, LARGEST)
LIMIT = whole(1, 1_000_000)
Limit = Annotated[int, typer.Option(metavar="NUMBER", help="Show at most so many.", **LIMIT)]
