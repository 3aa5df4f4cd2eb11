"""The command that explains one cron expression, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from synkron.cli.clock import moment
from synkron.cli.options import AsJson, AtFuture
from synkron.cli.output import ExitCode, say, show_json, show_lines, show_table
from synkron.cli.table import Field
from synkron.errors import CronError, ZoneError
from synkron.text import printable

EXCERPT = 72


def explain(
    expression: Annotated[list[str], typer.Argument(metavar="EXPRESSION", help="Five fields, in quotes.")],
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="An IANA name (Europe/Oslo) or an offset (+02:00).")
    ] = "UTC",
    at: AtFuture = None,
    as_json: AsJson = False,
) -> None:
    """Explain a cron expression.

    What it says, when it fires next, and what may surprise.

    Needs no database. The moments shown are those after --at.

    \b
    Examples:
      synkron explain "0 2 * * *" --zone Europe/Oslo
      synkron explain "*/7 8-16 * * MON-FRI" --json
      synkron explain "0 2 31 * *" --at 2027-01-01T00:00Z
    """
    from synkron.cron import parse, parse_zone
    from synkron.service.nouns.explanation import explanation

    text = _one(expression)
    try:
        place = parse_zone(zone)
        cron = parse(text)
    except ZoneError as error:
        say(f"error: {error}")
        raise typer.Exit(ExitCode.USAGE) from None
    except CronError as error:
        say(f"error: {error}", *(_caret(text, error.column) if text.strip() else ()))
        raise typer.Exit(ExitCode.USAGE) from None
    now = datetime.now(UTC)  # noqa: TID251 (the edge: without a database there is no other clock)
    now = moment(at, now, place) if at else now
    found = explanation(text, cron, zone, place, now)
    if as_json:
        show_json(found)
        return
    show_lines(found.description)
    for warning in found.warnings:
        show_lines(f"{warning.rule}: {warning.message}")
    if found.next:
        fields = [
            Field(f"in {zone}", lambda one: f"{one.utc.astimezone(place):%a %Y-%m-%d %H:%M}"),
            Field("", lambda one: f"{one.utc.astimezone(place):%z}"),
            Field("UTC", "utc", "{:%a %Y-%m-%d %H:%M}".format),
        ]
        show_lines("")
        show_table(fields, found.next)


def _one(words: list[str]) -> str:
    if len(words) > 1:
        raise typer.BadParameter(
            'the shell split it up; put it in quotes, as in: synkron explain "0 2 * * *"', param_hint="EXPRESSION"
        )
    return words[0]


def _caret(text: str, column: int) -> tuple[str, str]:
    """The expression with a mark under the column; of a long one, what stands around it."""
    first = max(0, min(column - 1 - EXCERPT // 2, len(text) - EXCERPT))
    before = printable(text[first : column - 1])
    return f"  {before}{printable(text[column - 1 : first + EXCERPT])}", f"  {' ' * len(before)}^"
