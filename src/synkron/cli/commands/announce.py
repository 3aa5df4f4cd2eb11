"""The command that tries the channels out: announce test."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from synkron.cli.context import invocation
from synkron.cli.options import AsJson, written
from synkron.cli.output import ExitCode, show
from synkron.cli.table import Field

announce = typer.Typer(no_args_is_help=True)
RESULT = [
    Field("channel", key="channel"),
    Field("kind", key="kind"),
    Field(key="delivered"),
    Field("result", "error", lambda error: error or "delivered", key="error", wrap=True),
]


@announce.callback()
def announcing() -> None:
    """Try out the channels that incidents are announced to.

    \b
    Examples:
      synkron announce test
    """


@announce.command("test")
def try_out(
    context: typer.Context,
    channel: Annotated[str | None, typer.Option(parser=written, metavar="NAME", help="Only this channel.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a test message to each channel now, and show what came of it. Ends with 1 when one did not take it.

    It is sent once: unlike an announcement, it is not tried again. It needs no database.

    \b
    Examples:
      synkron announce test
      synkron announce test --channel operations --json
    """
    from synkron.operations.announce import try_channels

    invoked = invocation(context)
    rows = asyncio.run(try_channels(invoked.settings(), invoked.environment, channel))
    empty = "There is no channel in the settings: incidents go to the log alone. See announce.channels in synkron.toml."
    show(rows, RESULT, as_json=as_json, empty=empty)
    if not all(one.delivered for one in rows):
        raise typer.Exit(ExitCode.FAILURE)
