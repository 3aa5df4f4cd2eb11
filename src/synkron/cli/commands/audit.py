"""The command that shows who changed what: audit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import AsJson, Integration, Limit, Organization, SinceWhen, Type, written
from synkron.cli.output import lines_beside, say_cut, show
from synkron.cli.table import Field, second
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.operations.audit import AuditEntry
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings


def audit(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    from_: SinceWhen = None,
    author: Annotated[str | None, typer.Option(parser=written, metavar="NAME", help="Only their changes.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, the newest first.

    Every change that an operator makes is there: when, who, what it was before and what after. Rows are only added.
    Those of an organization are its own and its integrations'. A change of a whole type, or of everything, is of no
    organization: leave --org out to see it, or ask `synkron pauses --org ORG --ended` for all that has held one.

    \b
    Examples:
      synkron audit
      synkron audit --org fjordlys --since yesterday
      synkron audit --since 7d --author kari@ops-1
      synkron audit --limit 1000 --json
    """

    named = AskedScope(org, integration_type, integration)

    async def ask(connection: Connection, settings: Settings) -> tuple[list[AuditEntry], Mapping[str, str]]:
        from synkron.operations.audit import entries

        scope = await scope_of(named, connection, settings)
        [since] = await moments(connection, settings, from_, scope=scope)
        found = await entries(connection, scope, since=since, author=author, limit=limit + 1)
        return found, await organization_names(connection, settings)

    found, names = answer(context, ask)
    shown = show(
        found[:limit],
        ENTRY,
        as_json=as_json,
        empty="Nobody has changed anything of it." if any(named) else "Nobody has changed anything.",
        noun="audit",
        names=names,
        beside=lines_beside(context),
    )
    say_cut(found, shown, "--since, --org or --author")


def _change(one: AuditEntry) -> str:
    if one.before is None:
        return _facts(one.after or {})
    return f"from {_facts(one.before) or 'nothing'} to {_facts(one.after or {}) or 'nothing'}"


def _facts(facts: dict[str, Any]) -> str:
    """The facts in one line. A list, such as that of runs, says itself what it is about."""
    return ", ".join(
        _text(value) if isinstance(value, list) else f"{name.replace('_', ' ')} {_text(value)}"
        for name, value in facts.items()
        if value is not None
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_facts(one) if isinstance(one, dict) else _text(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)


ENTRY = [
    Field("when (UTC)", "at", second),
    Field("who did what", lambda one: f"{one.author}: {one.action} {one.subject}", wrap=True),
    Field("what changed", _change, wrap=True),
]
