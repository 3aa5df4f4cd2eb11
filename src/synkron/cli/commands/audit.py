"""The command that shows who changed what: audit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synkron.cli.context import answer
from synkron.cli.options import AsJson, Since, since, written
from synkron.cli.output import say, show_json, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.operations.audit import Entry
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings


def audit(
    context: typer.Context,
    from_: Annotated[
        Since | None,
        typer.Option("--since", parser=since, metavar="WHEN", help="Not before: 30m, 24h, 7d, or an instant."),
    ] = None,
    author: Annotated[str | None, typer.Option(parser=written, metavar="NAME", help="Only what they did.")] = None,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Show at most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, the newest first.

    Every change that an operator makes is there: when, who, what it was before and what after. Rows are only added.

    \b
    Examples:
      synkron audit
      synkron audit --since 7d --author kari@ops-1
      synkron audit --limit 1000 --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[Entry]:
        from synkron.operations.audit import entries
        from synkron.postgres.clock import database_clock

        del settings
        moment = from_.moment(await database_clock(connection)) if from_ else None
        return await entries(connection, since=moment, author=author, limit=limit + 1)

    found = answer(context, ask)
    if as_json:
        show_json(found[:limit])
    elif found:
        columns = [Column("when (UTC)"), Column("who did what", wrap=True), Column("from -> to", wrap=True)]
        show_table(columns, [_cells(one) for one in found[:limit]])
    else:
        say("Nobody has changed anything.")
    if len(found) > limit:
        say(f"Cut after the newest {limit}: there are more. Raise --limit, or ask for fewer with --since or --author.")


def _cells(one: Entry) -> list[str]:
    return [f"{one.at:%Y-%m-%d %H:%M:%S}", f"{one.author}: {one.action} {one.subject}", _change(one)]


def _change(one: Entry) -> str:
    if one.before is None:
        return _facts(one.after or {})
    return f"{_facts(one.before)} -> {_facts(one.after) if one.after else 'nothing'}"


def _facts(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in facts.items() if value is not None)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_facts(one) if isinstance(one, dict) else _text(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)
