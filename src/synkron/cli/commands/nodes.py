"""The command that shows the processes: nodes."""

from __future__ import annotations

from datetime import timedelta

import typer

from synkron.cli.context import answer
from synkron.cli.options import AsJson
from synkron.cli.output import lateness, show
from synkron.cli.table import Field, second
from synkron.service.forms import milliseconds

NODE = [
    Field("node", "name", shrink=True),
    Field("roles", "roles", ",".join),
    Field("version", "version", optional=True),
    Field("since (UTC)", "started_at", second, optional=True),
    Field("last seen (UTC)", "seen_at", second),
    Field("skew", "skew", lambda skew: lateness(timedelta(milliseconds=milliseconds(skew) or 0)), right=True),
    Field("tzdata", "tzdata", optional=True),
    Field("state", "state"),
]


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
    from synkron.ledger.nodes import nodes

    found = answer(context, lambda connection, settings: nodes(connection, settings.heartbeat))
    show(found, NODE, as_json=as_json, empty="No node has reported itself within seven days. Start one: `synkron run`.")
