"""The command that tries the channels out: announce test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import invocation
from synkron.cli.options import AsJson, written
from synkron.cli.output import ExitCode, show
from synkron.cli.table import Field
from synkron.errors import NotFound

if TYPE_CHECKING:
    from synkron.settings.load import Settings

announce = typer.Typer(no_args_is_help=True)
# The channel, its kind, and why it did not take its message.
Result = tuple[str, str, str | None]
RESULT = [
    Field("channel", itemgetter(0), key="channel"),
    Field("kind", itemgetter(1), key="kind"),
    Field(key="delivered", value=lambda row: not row[2]),
    Field("result", itemgetter(2), lambda error: error or "delivered", key="error", wrap=True),
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
    invoked = invocation(context)
    settings = invoked.settings()
    names = list(settings.announce.channels)
    if channel is not None and channel not in names:
        raise NotFound(f'There is no channel "{channel}". The settings know {", ".join(names) or "none"}.')
    rows = asyncio.run(_tried(settings, invoked.environment, [channel] if channel else names))
    empty = "There is no channel in the settings: incidents go to the log alone. See announce.channels in synkron.toml."
    show(rows, RESULT, as_json=as_json, empty=empty)
    if any(error for _, _, error in rows):
        raise typer.Exit(ExitCode.FAILURE)


async def _tried(settings: Settings, environment: Mapping[str, str], names: list[str]) -> list[Result]:
    from uuid import uuid4

    from synkron.incidents.channels import open_channels
    from synkron.incidents.message import trial
    from synkron.runtime import wall_clock

    async with open_channels(settings, environment) as channels:
        message = trial(uuid4().hex, wall_clock())
        errors = await asyncio.gather(*(channels.send(name, message) for name in names))
    kinds = ["webhook" if settings.announce.channels[name].webhook else "apprise" for name in names]
    return list(zip(names, kinds, errors, strict=True))
