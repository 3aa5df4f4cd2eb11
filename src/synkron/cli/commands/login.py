"""The command that logs a person in to the dashboard: login."""

from __future__ import annotations

from collections.abc import Sequence
from socket import gethostname
from typing import TYPE_CHECKING

import typer

from synkron.cli.confirm import Author, author_of
from synkron.cli.context import answer, scope_of
from synkron.cli.options import AsJson
from synkron.cli.output import say, show_json, show_lines
from synkron.cli.permissions import May, TiedTo, may
from synkron.operations.access.actor import Permission
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.ledger.nodes import Node
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings


def login(
    context: typer.Context,
    permission: May = Permission.ADMIN,
    org: TiedTo = None,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that logs you in to the dashboard: once, within ten minutes.

    Who may run this may reach the database, and so may do everything: no password is asked for. What you change is in
    the audit as person:NAME. The link begins with `api.address` of the settings, or with where the API listens, as its
    process says; where none runs, with `listen`.

    \b
    Examples:
      synkron login
      synkron login --permission read --org fjordlys
    """
    name = author_of(context, author)

    async def ask(connection: Connection, settings: Settings) -> tuple[str, str | None, str | None]:
        from synkron.ledger.nodes import nodes
        from synkron.operations.access.sessions import make_login_link
        from synkron.operations.access.tokens import check_organization
        from synkron.settings.api import login_address

        org_id = (await scope_of(AskedScope(org, None, None), connection, settings)).org_id
        await check_organization(connection, settings, org_id)
        secret = await make_login_link(connection, name, permission, org_id)
        listen, doubt = settings.listen, None
        if settings.api.address is None:
            listen, doubt = _where(await nodes(connection, settings.heartbeat), gethostname(), settings.listen)
        return login_address(settings.api, listen, secret), org_id, doubt

    link, org_id, doubt = answer(context, ask)
    if as_json:
        show_json({"link": link, "name": name, "permission": permission, "org_id": org_id})
    else:
        show_lines(link)
        say(f"It logs {name} in once, within ten minutes, who {may(permission, org_id)} then.")
    if doubt:
        say(doubt)


def _where(found: Sequence[Node], host: str, listen: str) -> tuple[str, str | None]:
    """Where the API listens: what runs on this host first. And why that may not be it, if it may not."""
    running = [one for one in found if one.address is not None and one.state == "running"]
    here = [one for one in running if one.name.rpartition(":")[0] == host] or running
    addresses = list(dict.fromkeys(str(one.address) for one in here))
    if not addresses and any("api" in one.roles and one.state == "running" for one in found):
        return listen, (
            "A process of an earlier release serves the dashboard, and does not say where. The link leads to where the "
            "settings say that it listens."
        )
    if not addresses:
        return listen, (
            "No process that serves the dashboard is running: start one with `synkron up` or `synkron run --role api`. "
            "The link leads to where the settings say that it will listen."
        )
    first, *others = addresses
    doubt = f"The dashboard is also at {', '.join(others)}: the link holds there, too, once." if others else None
    return first.removeprefix("http://"), doubt
