"""The command for a glance, and for monitors: status."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.commands.schedules import fire_fields
from synkron.cli.context import connection as opened
from synkron.cli.context import database, invocation
from synkron.cli.options import AsJson
from synkron.cli.output import ExitCode, fact_lines, say, show_json, show_lines, show_table
from synkron.cli.table import second
from synkron.errors import DatabaseError
from synkron.text import one_line, several, span

if TYPE_CHECKING:
    from synkron.ledger.nodes import Node
    from synkron.service.status.verdict import Held, Need, Status
    from synkron.settings.load import Settings

COMING = 3
MOST_NEEDS = 3
WATCH_EVERY = 10.0
CLEAR = "\x1b[H\x1b[2J"


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Keep it on the screen, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show on one screen whether all is well: who ticks and works, what waits, what is wrong, what comes next.

    Ends with 0 if all is well, 3 if something needs a person, and 1 if nobody ticks or the database is not available.
    What somebody has acknowledged (`synkron incidents acknowledge`) needs nobody else.

    \b
    Examples:
      synkron status
      synkron status --watch
      synkron status --json
    """
    import asyncio

    if watch and (as_json or not sys.stdout.isatty()):
        raise typer.BadParameter("--watch needs a terminal, and does not go with --json")
    settings = invocation(context).settings()
    with database(settings) as place:
        try:
            found = asyncio.run(_watch(place.url, settings) if watch else _show(place.url, settings, as_json=as_json))
        except KeyboardInterrupt:
            return
    raise typer.Exit(found)


async def _watch(url: str, settings: Settings) -> int:
    """Show it again and again. While the database is away, say so in its place."""
    from synkron.runtime import sleep

    while True:
        sys.stdout.write(CLEAR)
        try:
            await _show(url, settings, as_json=False)
        except DatabaseError as error:
            say(f"error: {error}")
        await sleep(WATCH_EVERY)


async def _show(url: str, settings: Settings, *, as_json: bool) -> int:
    from synkron.operations.scope import read_names
    from synkron.service.status.store import read_status

    async with opened(url, settings.source) as connection:
        found = await read_status(connection, settings, COMING)
        async with connection.transaction():
            names = await read_names(connection, settings, {one.integration.org_id for one in found.coming})
    from synkron.service.nouns.status import status_facts

    shown = status_facts(found)
    if as_json:
        show_json(shown, names)
    else:
        show_lines(*_lines(found))
        if found.coming:
            show_lines("")
            show_table([field for field in fire_fields(names) if not field.optional], shown.next)
    return _code(found)


def _code(found: Status) -> ExitCode:
    from synkron.service.status.verdict import Verdict

    codes = {Verdict.WELL: ExitCode.OK, Verdict.NEEDS_A_PERSON: ExitCode.DATA, Verdict.NOBODY_TICKS: ExitCode.FAILURE}
    return codes[found.verdict]


def _lines(found: Status) -> Iterator[str]:
    needs = found.needs
    width = get_terminal_size().columns - 2 if sys.stdout.isatty() else None
    yield f"{_verdict(needs)}  ({second(found.at)} UTC)"
    for one in needs[:MOST_NEEDS]:
        yield f"- {one_line(one.what, width)}"
        yield f"  `{one.command}`"
    if len(needs) > MOST_NEEDS:
        yield f"- and {len(needs) - MOST_NEEDS} more: `synkron incidents`"
    yield ""
    yield from fact_lines(_facts(found))


def _verdict(needs: Sequence[Need]) -> str:
    if not needs:
        return "All is well."
    return "One thing needs a person:" if len(needs) == 1 else f"{len(needs)} things need a person:"


def _facts(found: Status) -> dict[str, str]:
    runs, tick, verified = found.runs, found.last_tick, found.verification
    acknowledged = sum(one.acknowledged_at is not None for one in found.incidents)
    return {
        "last tick": "never"
        if tick is None
        else f"{span(found.at - tick.at)} ago, by {'pg_cron' if tick.source == 'pg_cron' else tick.scheduler}",
        "schedulers": _who(found.alive("scheduler")),
        "workers": _who(found.alive("worker")),
        "runs": f"{runs.waiting:,} waiting, {runs.running:,} running, {runs.accepted:,} accepted, "
        f"{runs.on_hold:,} on hold",
        "": f"{found.late:,} late, {found.failing:,} failed with no success since",
        "paused": f"{several(found.pauses, 'pause')}, {_held(found.held)}",
        "verified": "not yet"
        if verified is None
        else f"up to {span(found.at - verified.until)} ago: {verified.expected:,} due, {verified.missed:,} missed, "
        f"{verified.doubled:,} doubled, {verified.unexplained:,} unexplained",
        "incidents": f"{len(found.incidents) - acknowledged} open, {acknowledged} acknowledged",
        "next hour": several(found.due, "run") + (f", {found.paused:,} more paused" if found.paused else ""),
    }


def _held(held: Held) -> str:
    """How many integrations are on hold because of a pause, and how many because they can't run."""
    others = {"type is unknown": held.unknown_type, "organization is missing": held.without_organization}
    whose = {True: "its", False: "their"}
    told = [f"{number:,} because {whose[number == 1]} {why}" for why, number in others.items() if number]
    held_by_pauses = f"{several(held.paused, 'integration')} on hold"
    return f"{held_by_pauses} by pauses, and {' and '.join(told)}" if told else held_by_pauses


def _who(nodes: Sequence[Node]) -> str:
    if not nodes:
        return "none is running"
    first = nodes[0]
    more = f", and {len(nodes) - 1} more" if len(nodes) > 1 else ""
    return f"{first.name} since {second(first.started_at)} UTC{more}"
