"""The options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from synkron.cli.completion import complete_organization, complete_type
from synkron.text import duration, duration_text, printable

EARLIEST = datetime(1972, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_SPAN = timedelta(days=3650)
LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Since:
    """From when on: an instant, or a span before now."""

    written: datetime | timedelta

    def moment(self, now: datetime) -> datetime:
        """The instant meant, at ``now``."""
        return now - self.written if isinstance(self.written, timedelta) else self.written


def instant_or_now(text: str) -> datetime | None:
    """An ISO instant with its zone; None for ``now``."""
    return None if text == "now" else _instant(text, "is not an instant")


def since(text: str) -> Since:
    """``2h``, ``24h``, ``7d``, or an ISO instant with its zone."""
    if (length := duration(text)) is not None:
        return Since(length)
    return Since(_instant(text, "is neither a span such as 30m, 24h or 7d, nor an instant"))


def instant(text: str) -> datetime:
    """An ISO instant with its zone; ``now`` is none here, as the database's clock decides."""
    return _instant(text, "is not an instant")


def span(text: str) -> timedelta:
    """``30m``, ``24h``, ``7d``: above zero, and at most ten years."""
    length = duration(text)
    if length is None or not timedelta() < length <= LONGEST_SPAN:
        raise typer.BadParameter(f'"{text}" is not a span such as 30m, 24h or 7d, of at most 3650d.')
    return length


def span_between(shortest: timedelta, longest: timedelta) -> Callable[[str], timedelta]:
    """A parser of spans from ``shortest`` to ``longest``."""

    def parsed(text: str) -> timedelta:
        length = span(text)
        if shortest <= length <= longest:
            return length
        raise typer.BadParameter(f'"{text}" is not a span from {duration_text(shortest)} to {duration_text(longest)}.')

    return parsed


def written(text: str) -> str:
    """A text that says something, and that the database can hold."""
    text = text.strip()
    if not text:
        raise typer.BadParameter("it is empty; write something.")
    if len(text) > LONGEST_TEXT or printable(text) != text:
        raise typer.BadParameter(f"at most {LONGEST_TEXT} characters are allowed, and all must be printable.")
    return text


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


def _instant(text: str, otherwise: str) -> datetime:
    """An ISO instant with its zone, in UTC; ``otherwise`` is what to say of a text that is none."""
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" {otherwise}. An instant is written 2026-11-23T02:00Z or 2026-11-23T02:00+01:00.'
        ) from None
    if written.utcoffset() is None:
        local = f"{written:%Y-%m-%dT%H:%M}"
        raise typer.BadParameter(
            f'"{text}" has no zone, so it is no instant. Write {local}Z for UTC, or add an offset: {local}+01:00.'
        )
    try:
        moment = written.astimezone(UTC)
    except OverflowError:
        moment = LATEST
    if not EARLIEST <= moment < LATEST:
        raise typer.BadParameter(f'"{text}" is out of range; the years 1972 to 2199 are allowed.')
    return moment


At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=instant_or_now,
        metavar="INSTANT",
        help="An instant with its zone, such as 2026-11-23T02:00Z; or now.",
        show_default="now",
    ),
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
    Since | None,
    typer.Option("--since", parser=since, metavar="WHEN", help="Not before: 30m, 24h, 7d, or an instant."),
]
SinceADay = Annotated[
    Since | None,
    typer.Option(
        "--since", parser=since, metavar="WHEN", help="From when on: 30m, 24h, 7d, or an instant.", show_default="24h"
    ),
]
Until = Annotated[
    datetime | None, typer.Option("--until", parser=instant, metavar="INSTANT", help="When it ends by itself.")
]
For = Annotated[
    timedelta | None,
    typer.Option("--for", parser=span, metavar="SPAN", help="How long until it ends by itself: 30m, 24h, 7d."),
]
Limit = Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Show at most so many.")]
