"""The commands that read the incidents: incidents, incidents show."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import answer
from synkron.cli.options import AsJson, Organization, Since, Type, since
from synkron.cli.output import minute, say, show_facts, show_json, show_lines, show_table, zulu
from synkron.cli.table import Column
from synkron.incidents import Incident, Kind, facts_of, touched
from synkron.text import one_line

if TYPE_CHECKING:
    from synkron.incidents.store import RecordedAnnouncement
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

MOST = 1000

incidents = typer.Typer(invoke_without_command=True)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="The incident's number.")]
Found = tuple[Incident, list["RecordedAnnouncement"]]


@incidents.callback()
def list_incidents(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have closed.")] = False,
    from_: Annotated[
        Since | None,
        typer.Option("--since", parser=since, metavar="WHEN", help="Opened not before: 30m, 24h, 7d, or an instant."),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    org: Organization = None,
    integration_type: Type = None,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Show at most so many.")] = MOST,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong now: the open incidents, the newest first.

    Without an organization or a type in particular, an incident is about several: `synkron incidents show` says whom.

    \b
    Examples:
      synkron incidents
      synkron incidents --all --since 7d --kind run_failed
      synkron incidents show 17
      synkron incidents acknowledge 17
      synkron incidents silence --type xledger --for 4h --reason "their maintenance"
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return

    async def ask(connection: Connection, settings: Settings) -> list[Incident]:
        from synkron.incidents import store
        from synkron.postgres.clock import database_clock

        del settings
        return await store.incidents(
            connection,
            closed=everything,
            since=from_.moment(await database_clock(connection)) if from_ else None,
            kind=kind,
            org_id=org,
            integration_type=integration_type,
            limit=limit + 1,
        )

    found = answer(context, ask)
    if as_json:
        show_json([_json(one) for one in found[:limit]])
    elif found:
        _show_incidents(found[:limit])
    else:
        say("There are no such incidents." if everything else "There is no such incident open.")
    if len(found) > limit:
        say(f"Cut after the newest {limit}: there are more. Raise --limit, or ask for fewer with --kind or --since.")


@incidents.command()
def show(context: typer.Context, number: Number, as_json: AsJson = False) -> None:
    """Show one incident, what to do about it, and what became of its announcements.

    \b
    Examples:
      synkron incidents show 17
      synkron incidents show 17 --json
    """

    async def ask(connection: Connection, settings: Settings) -> Found:
        from synkron.errors import NotFound
        from synkron.incidents.store import incident

        del settings
        found = await incident(connection, number)
        if found is None:
            raise NotFound(f"There is no incident {number}. `synkron incidents --all` lists those there are.")
        return found

    one, announcements = answer(context, ask)
    if as_json:
        told = [asdict(each) | {"state": each.state} for each in announcements]
        show_json(_json(one) | {"announcements": told})
        return
    show_facts(facts(one))
    if announcements:
        show_lines("")
        _show_announcements(announcements)


def facts(one: Incident) -> dict[str, str]:
    """The incident as people read it."""
    condition = one.condition
    by = f" by {one.acknowledged_by} at {_second(one.acknowledged_at)} UTC" if one.acknowledged_at else ""
    shown = {
        "number": str(one.id),
        "kind": condition.kind,
        "state": one.state if one.acknowledged_at is None else f"{one.state}, acknowledged{by}",
        "what": condition.title,
        "detail": " / ".join(condition.detail.splitlines()),
        "what to do": condition.remedy,
        "organization": condition.org_id or "",
        "type": condition.integration_type or "",
        "endpoint": condition.endpoint or "",
        "touches": touched(condition),
        "since (UTC)": _second(condition.since),
        "opened (UTC)": _second(one.opened_at),
        "last seen (UTC)": _second(one.seen_at),
        "closed (UTC)": _second(one.closed_at),
        "announced (UTC)": _second(one.announced_at),
    }
    return {name: text for name, text in shown.items() if text}


def _refuse_options(context: typer.Context) -> None:
    given = [name for name, value in context.params.items() if value not in (None, False, MOST)]
    if given:
        raise typer.BadParameter(
            f"options go behind the command: synkron incidents {context.invoked_subcommand} --json"
        )


def _show_incidents(found: list[Incident]) -> None:
    columns = [
        Column("no", right=True),
        Column("kind"),
        Column("what", wrap=True),
        Column("since (UTC)"),
        Column("state"),
        Column("announced (UTC)", optional=True),
    ]
    cells = [
        (
            str(one.id),
            one.condition.kind,
            one_line(one.condition.title, 500),
            minute(one.condition.since),
            one.state,
            minute(one.announced_at) if one.announced_at else "no",
        )
        for one in found
    ]
    show_table(columns, cells)


def _show_announcements(announcements: list[RecordedAnnouncement]) -> None:
    columns = [
        Column("channel"),
        Column("about"),
        Column("made (UTC)"),
        Column("state"),
        Column("tries", right=True),
        Column("sent, or next (UTC)", optional=True),
        Column("error", wrap=True),
    ]
    cells = [
        (
            one.channel,
            one.transition,
            _second(one.made_at),
            one.state,
            str(one.attempts),
            _second(one.sent_at or one.given_up_at or one.next_attempt_at),
            one.error or "",
        )
        for one in announcements
    ]
    show_table(columns, cells)


def _json(one: Incident) -> dict[str, object]:
    return facts_of(one) | {"announced_at": None if one.announced_at is None else zulu(one.announced_at)}


def _second(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
