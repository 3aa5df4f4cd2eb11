"""The command that shows the processes: nodes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from synkron.cli.context import answer
from synkron.cli.options import AsJson
from synkron.cli.output import lateness, milliseconds, say, show_json, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.ledger.nodes import Node
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings


def nodes(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the schedulers, workers and APIs of the last seven days, the one seen last first.

    A node that has said nothing for 30 seconds (or the heartbeat, if that is longer) is lost: its runs go to others.
    Its skew is how far its host's clock is ahead of the database's; nothing is decided by it. Its tzdata is the version
    of the rules for time zones that it goes by, which should be the same everywhere.

    \b
    Examples:
      synkron nodes
      synkron nodes --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[Node]:
        from synkron.ledger.nodes import nodes

        return await nodes(connection, settings.heartbeat)

    found = answer(context, ask)
    if as_json:
        show_json([_as_json(one) for one in found])
    elif found:
        show_table(COLUMNS, [_cells(one) for one in found])
    else:
        say("No node has reported itself within seven days. Start one: `synkron run`.")


COLUMNS = [
    Column("node", shrink=True),
    Column("roles"),
    Column("version", optional=True),
    Column("since (UTC)", optional=True),
    Column("last seen (UTC)"),
    Column("skew", right=True),
    Column("tzdata", optional=True),
    Column("state"),
]


def _as_json(node: Node) -> dict[str, object]:
    return {
        ("skew_ms" if name == "skew" else name): (milliseconds(node.skew) if name == "skew" else value)
        for name, value in asdict(node).items()
    }


def _cells(node: Node) -> list[str]:
    return [
        node.name,
        ",".join(node.roles),
        node.version,
        f"{node.started_at:%Y-%m-%d %H:%M:%S}",
        f"{node.seen_at:%Y-%m-%d %H:%M:%S}",
        lateness(timedelta(milliseconds=milliseconds(node.skew) or 0)),
        node.tzdata or "",
        node.state,
    ]
