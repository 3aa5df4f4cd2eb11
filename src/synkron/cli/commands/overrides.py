"""The commands for what is set for one integration: overrides, overrides show, set, unset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, changing
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import AsJson, Integration, OneIntegration, Organization, Type, refuse_options
from synkron.cli.output import show, show_json, show_lines, show_table
from synkron.cli.table import NAME, Field
from synkron.reports.names.match import AskedScope
from synkron.service.changes.overrides import overridden
from synkron.settings.integrations.naming import section_of

if TYPE_CHECKING:
    from synkron.operations.overrides import EffectiveValue, Override
    from synkron.operations.overrides import OverrideChange as Setting
    from synkron.operations.scope import Covered
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

overrides = typer.Typer(invoke_without_command=True)


def _text(value: object) -> str:
    from synkron.service.nouns.overrides import as_written

    return "no limit" if value is None else str(as_written(value))


def _values(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {_text(value)}" for key, value in values.items())


OVERRIDDEN = [
    Field("integration id", "integration_id"),
    Field("organization", "organization", shrink=True, least=NAME),
    Field("type", lambda one: one.integration.integration_type if one.integration else "deleted"),
    Field("set", "values", _values, wrap=True),
]


def in_effect_fields(kind: str) -> list[Field]:
    """One value of a type's policy as it holds for an integration."""
    origins = {"override": "its override", "settings": section_of(kind), "default": "default"}
    return [
        Field("key", "key"),
        Field("value", "value", _text),
        Field("from", "origin", origins.__getitem__),
    ]


@overrides.command("list")
@overrides.callback()
def list_overrides(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    as_json: AsJson = False,
) -> None:
    """Show the integrations for which something is set over their type's policy.

    \b
    Examples:
      synkron overrides
      synkron overrides list --type xledger --json
      synkron overrides show --integration "fjordlys xledger"
      synkron overrides set --integration 0b8f6f0e --catch-up all --timeout 5m
    """
    if context.invoked_subcommand is not None:
        refuse_options(context, "--json")
        return

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Override], Mapping[str, str]]:
        from synkron.operations.overrides import overrides

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        return await overrides(connection, settings, scope), await organization_names(connection, settings)

    found, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.overrides import override_facts

        show_json([override_facts(one) for one in found], names)
        return
    empty = "Nothing is set for a single integration; the types' policies hold for all."
    show(found, OVERRIDDEN, as_json=False, empty=empty)


@overrides.command("show")
def show_policy(context: typer.Context, integration: OneIntegration, as_json: AsJson = False) -> None:
    """Show the policy that holds for an integration, and where each value comes from.

    \b
    Examples:
      synkron overrides show --integration "fjordlys xledger"
      synkron overrides show --integration 0b8f6f0e --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[Covered, list[EffectiveValue]]:
        from synkron.operations.overrides import in_effect

        scope = await scope_of(AskedScope(integration=integration), connection, settings)
        return await in_effect(connection, settings, str(scope.integration_id))

    found, values = answer(context, ask)
    [row] = found.rows
    if as_json:
        from synkron.service.nouns.overrides import policy_facts, whose

        show_json(whose(row.integration_id, row) | {"policy": policy_facts(values)}, found.names)
        return
    show_lines(f"The policy of {found.subject}:", "")
    show_table(in_effect_fields(row.integration_type), values)


@overrides.command("set")
@changing
def set_(
    integration: OneIntegration,
    catch_up: Annotated[str | None, typer.Option(metavar="POLICY", help="latest, all or skip.")] = None,
    catch_up_window: Annotated[str | None, typer.Option(metavar="SPAN", help="How far back it reaches.")] = None,
    overlap: Annotated[str | None, typer.Option(metavar="POLICY", help="queue or skip.")] = None,
    spread: Annotated[str | None, typer.Option(metavar="SPAN", help="Over what time its starts are spread.")] = None,
    attempts: Annotated[str | None, typer.Option(metavar="NUMBER", help="How often a run is tried.")] = None,
    backoff: Annotated[str | None, typer.Option(metavar="SPAN", help="The wait after a first failure.")] = None,
    timeout: Annotated[str | None, typer.Option(metavar="SPAN", help="How long the target may take.")] = None,
    completion_timeout: Annotated[
        str | None, typer.Option(metavar="SPAN", help="How long it may take to complete a run it accepted.")
    ] = None,
) -> Change[Setting, Setting]:
    """Set something for one integration, over its type's policy. What is not named stays as it is.

    The values are those of synkron.toml. It holds from the next tick on, and for runs whose turn comes after that.

    \b
    Examples:
      synkron overrides set --integration 0b8f6f0e --catch-up all --timeout 5m
      synkron overrides set --integration "fjordlys xledger" --attempts 1 --yes --json
    """
    given = {
        "catch_up": catch_up,
        "catch_up_window": catch_up_window,
        "overlap": overlap,
        "spread": spread,
        "attempts": attempts,
        "backoff": backoff,
        "timeout": timeout,
        "completion_timeout": completion_timeout,
    }
    texts = {key: text for key, text in given.items() if text is not None}
    if not texts:
        raise typer.BadParameter("give at least one value, such as --catch-up all; --help lists them")
    from synkron.operations import overrides

    async def plan(connection: Connection, settings: Settings, _: datetime) -> Setting:
        return await overrides.plan_set(connection, settings, integration, overrides.checked(texts, settings))

    async def do(connection: Connection, settings: Settings, author: str) -> Setting:
        values = overrides.checked(texts, settings)
        return await overrides.set_override(connection, settings, integration, values, author)

    return Change(plan, do, "Set it?", told=_told, done=_done, json=overridden)


@overrides.command()
@changing
def unset(
    integration: OneIntegration,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="catch_up, timeout, ...; all if none is given.")
    ] = None,
) -> Change[Setting, Setting]:
    """Let the type's policy hold again for an integration: for some keys, or for all.

    \b
    Examples:
      synkron overrides unset --integration 0b8f6f0e
      synkron overrides unset --integration "fjordlys xledger" timeout catch_up --yes
    """
    from synkron.operations import overrides
    from synkron.scheduler.policies import OVERRIDABLE

    names = [key.replace("-", "_") for key in keys or []]
    if unknown := [name for name in names if name not in OVERRIDABLE]:
        raise typer.BadParameter(
            f'"{unknown[0]}" can\'t be set; allowed are {", ".join(OVERRIDABLE)}', param_hint="KEY"
        )

    return Change(
        plan=lambda connection, settings, _: overrides.plan_unset(connection, settings, integration, names),
        do=lambda connection, settings, author: overrides.unset_override(
            connection, settings, integration, names, author
        ),
        question="Take it back?",
        told=_told,
        done=_done,
        json=overridden,
    )


def _told(change: Setting) -> Iterator[str]:
    yield f"{change.subject[0].upper()}{change.subject[1:]}:"
    changed = [key for key in {**change.before, **change.after} if change.before.get(key) != change.after.get(key)]
    if not changed:
        yield "  nothing changes: it is set so already"
    for key in changed:
        before, after = (
            _text(values[key]) if key in values else "the type's" for values in (change.before, change.after)
        )
        yield f"  {key}: from {before} to {after}"


def _done(_: Setting, done: Setting) -> Iterator[str]:
    if done.after:
        yield f"Set for {done.subject}: {_values(done.after)}."
    else:
        yield f"Nothing is set for {done.subject} any more: its type's policy holds."
