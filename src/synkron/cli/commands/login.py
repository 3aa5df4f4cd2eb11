"""The command that logs a person in to the dashboard: login."""

from __future__ import annotations

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
    the audit as person:NAME. The link begins with `api.address` of the settings, or with where the API listens.

    \b
    Examples:
      synkron login
      synkron login --permission read --org fjordlys
    """
    name = author_of(context, author)

    async def ask(connection: Connection, settings: Settings) -> tuple[str, str | None]:
        from synkron.operations.access.sessions import make_login_link
        from synkron.operations.access.tokens import check_organization
        from synkron.settings.api import login_address

        org_id = (await scope_of(AskedScope(org, None, None), connection, settings)).org_id
        await check_organization(connection, settings, org_id)
        secret = await make_login_link(connection, name, permission, org_id)
        return login_address(settings.api, settings.listen, secret), org_id

    link, org_id = answer(context, ask)
    if as_json:
        show_json({"link": link, "name": name, "permission": permission, "org_id": org_id})
    else:
        show_lines(link)
        say(f"It logs {name} in once, within ten minutes, who {may(permission, org_id)} then.")
