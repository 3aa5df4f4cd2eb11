"""The command that shows who changed what: audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import AsJson, Integration, Limit, Organization, SinceWhen, Type, written
from synkron.cli.output import lines_beside, say_cut, show
from synkron.cli.table import Field, minute
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.operations.audit import AuditEntry
    from synkron.operations.audit_words import Differing
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
        _fields(names),
        as_json=as_json,
        empty="Nobody has changed anything of it." if any(named) else "Nobody has changed anything.",
        noun="audit",
        names=names,
        beside=lines_beside(context),
    )
    say_cut(found, shown, "--since, --org or --author")


def _fields(names: Mapping[str, str]) -> list[Field]:
    """An entry in two lines at most: JSON has all of it."""
    from synkron.operations.audit_words import about, differing

    def changed(one: AuditEntry) -> str:
        facts = list(differing(one, names))
        now = ", ".join(_told(each) for each in facts if not each.is_past)
        past = ", ".join(f"{_spaced(each.name)} {each.before}" for each in facts if each.is_past)
        return "; ".join(filter(None, (now, past and f"{'ended' if one.action == 'resume' else 'before'}: {past}")))

    return [
        Field("when (UTC)", "at", minute),
        Field("who did what", lambda one: f"{one.author}: {one.action} {about(one, names)}", wrap=True, lines=2),
        Field("what changed", changed, wrap=True, lines=2),
    ]


def _told(fact: Differing) -> str:
    name = _spaced(fact.name)
    if fact.before is None or fact.after is None:
        return f"{name} {fact.after}" if fact.before is None else f"no {name} (was {fact.before})"
    return f"{name} {fact.before} → {fact.after}"


def _spaced(name: str) -> str:
    return name.replace("_", " ")
