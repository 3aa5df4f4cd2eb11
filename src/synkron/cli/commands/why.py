"""The command that explains one minute of an integration: why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import AsJson, AtPast, Integration, Organization, Type
from synkron.cli.output import show_json, show_lines, show_sentences
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.why.facts import Facts
    from synkron.settings.load import Settings


def why(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    at: AtPast = None,
    as_json: AsJson = False,
) -> None:
    """Say in words why an integration did or did not run at a minute.

    Name it by its organization and type, or by its id; where an organization has several of a type, each is answered
    for. An organization alone will do if it has one type, and a type alone if one organization has it; else those that
    there are are listed. Ends with 4 when there is none.

    \b
    Examples:
      synkron why --org fjordlys --type xledger --at 02:00
      synkron why --integration 0b8f6f0e --at 2026-11-23T03:00+01:00 --json
    """
    by_name, by_id = (org, integration_type) != (None, None), integration is not None
    if by_name == by_id:
        raise typer.BadParameter("name one integration: --org, --type or both, or --integration")

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Facts], Mapping[str, str]]:
        from synkron.postgres.clock import database_clock
        from synkron.reports.why.store import completed, read_facts

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        if by_name and None in scope[:2]:
            scope = await completed(connection, settings, scope)
        [moment] = await moments(connection, settings, at, scope=scope)
        found = await read_facts(
            connection,
            settings,
            moment or await database_clock(connection),
            scope,
        )
        return found, await organization_names(connection, settings) if as_json else {}

    found, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.why import why_facts

        show_json([why_facts(one) for one in found], names)
        return
    from synkron.reports.why.sentences import explain

    for index, one in enumerate(found):
        if len(found) > 1:
            show_lines(*([""] if index else []), f"integration {one.integration_id}")
        show_sentences(*explain(one))
