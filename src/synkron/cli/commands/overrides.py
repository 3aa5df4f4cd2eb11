"""The commands for what is set for one integration: overrides, overrides show, set, unset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Author, DryRun, Yes, consent, operate
from synkron.cli.context import answer
from synkron.cli.options import AsJson, written
from synkron.cli.output import say, show_json, show_lines, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.operations.overrides import Change, InEffect, Overridden
    from synkron.operations.scope import Covered
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

overrides = typer.Typer(invoke_without_command=True)

OneIntegration = Annotated[str, typer.Option("--integration", parser=written, metavar="ID", help="The integration.")]


@overrides.callback()
def list_overrides(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the integrations for which something is set over their type's policy.

    \b
    Examples:
      synkron overrides
      synkron overrides show --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51
      synkron overrides set --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 --catch-up all --timeout 5m
    """
    if context.invoked_subcommand is None:
        _list(context, as_json=as_json)
    elif as_json:
        raise typer.BadParameter(
            f"options go behind the command: synkron overrides {context.invoked_subcommand} --json"
        )


@overrides.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the integrations for which something is set: the same as `synkron overrides`.

    \b
    Examples:
      synkron overrides list --json
    """
    _list(context, as_json=as_json)


@overrides.command()
def show(context: typer.Context, integration: OneIntegration, as_json: AsJson = False) -> None:
    """Show the policy that holds for an integration, and where each value comes from.

    \b
    Examples:
      synkron overrides show --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51
      synkron overrides show --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[Covered, list[InEffect]]:
        from synkron.operations.overrides import in_effect

        return await in_effect(connection, settings, integration)

    found, values = answer(context, ask)
    if as_json:
        policy = [{"key": one.key, "value": _json(one.value), "from": one.origin} for one in values]
        show_json({"integration_id": integration, "policy": policy})
        return
    show_lines(f"The policy of {found.subject}:", "")
    columns = [Column("key"), Column("value"), Column("from")]
    kind = found.rows[0].integration_type
    show_table(columns, [(one.key, _text(one.value), _origin(one.origin, kind)) for one in values])


@overrides.command("set")
def set_(
    context: typer.Context,
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
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Set something for one integration, over its type's policy. What is not named stays as it is.

    The values are those of synkron.toml. It holds from the next tick on, and for runs whose turn comes after that.

    \b
    Examples:
      synkron overrides set --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 --catch-up all --timeout 5m
      synkron overrides set --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 --attempts 1 --yes --json
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
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.operations import overrides

    async def plan(connection: Connection, settings: Settings) -> Change:
        return await overrides.plan_set(connection, settings, integration, overrides.checked(texts, settings))

    async def do(connection: Connection, settings: Settings) -> Change:
        values = overrides.checked(texts, settings)
        return await overrides.set_override(connection, settings, integration, values, agreed.author)

    _show(
        *operate(context, agreed, plan=plan, tell=lambda one: agreed.tell(_telling(one)), question="Set it?", do=do),
        as_json,
    )


@overrides.command()
def unset(
    context: typer.Context,
    integration: OneIntegration,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="catch_up, timeout, ...; all if none is given.")
    ] = None,
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let the type's policy hold again for an integration: for some keys, or for all.

    \b
    Examples:
      synkron overrides unset --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51
      synkron overrides unset --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 timeout catch_up --yes
    """
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.operations import overrides
    from synkron.scheduler.policies import OVERRIDABLE

    names = [key.replace("-", "_") for key in keys or []]
    if unknown := [name for name in names if name not in OVERRIDABLE]:
        raise typer.BadParameter(
            f'"{unknown[0]}" can\'t be set; allowed are {", ".join(OVERRIDABLE)}', param_hint="KEY"
        )
    planned = operate(
        context,
        agreed,
        plan=lambda connection, settings: overrides.plan_unset(connection, settings, integration, names),
        tell=lambda one: agreed.tell(_telling(one)),
        question="Take it back?",
        do=lambda connection, settings: overrides.unset_override(
            connection, settings, integration, names, agreed.author
        ),
    )
    _show(*planned, as_json)


def _list(context: typer.Context, *, as_json: bool) -> None:
    async def ask(connection: Connection, settings: Settings) -> list[Overridden]:
        from synkron.operations.overrides import overrides

        return await overrides(connection, settings)

    found = answer(context, ask)
    if as_json:
        show_json([_as_json(one) for one in found])
    elif found:
        columns = [
            Column("integration id"),
            Column("organization", shrink=True),
            Column("type"),
            Column("set", wrap=True),
        ]
        show_table(columns, [_cells(one) for one in found])
    else:
        say("Nothing is set for a single integration; the types' policies hold for all.")


def _telling(change: Change) -> Iterator[str]:
    yield f"{change.subject[0].upper()}{change.subject[1:]}:"
    changed = [key for key in {**change.before, **change.after} if change.before.get(key) != change.after.get(key)]
    if not changed:
        yield "  nothing changes: it is set so already"
    for key in changed:
        yield f"  {key}: {_value(change.before, key)} -> {_value(change.after, key)}"


def _show(plan: Change, done: Change | None, as_json: bool) -> None:
    change = done or plan
    if as_json:
        before, after = ({key: _json(value) for key, value in one.items()} for one in (change.before, change.after))
        show_json({"dry_run": done is None, "integration_id": change.integration_id, "before": before, "after": after})
    elif done is not None and done.after:
        show_lines(f"Set for {done.subject}: {_values(done.after)}.")
    elif done is not None:
        show_lines(f"Nothing is set for {done.subject} any more: its type's policy holds.")


def _values(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {_text(value)}" for key, value in values.items())


def _value(values: Mapping[str, object], key: str) -> str:
    return _text(values[key]) if key in values else "the type's"


def _text(value: object) -> str:
    return "no limit" if value is None else str(_json(value))


def _json(value: object) -> object:
    from datetime import timedelta

    from synkron.text import duration_text

    return duration_text(value) if isinstance(value, timedelta) else value


def _origin(origin: str, kind: str) -> str:
    from synkron.settings.integrations.naming import section_of

    return {"override": "its override", "settings": section_of(kind), "default": "default"}[origin]


def _cells(one: Overridden) -> list[str]:
    kind = "deleted" if one.integration is None else one.integration.integration_type
    return [
        one.integration_id,
        one.organization,
        kind,
        _values(one.values),
    ]


def _as_json(one: Overridden) -> dict[str, object]:
    row = one.integration
    return {
        "integration_id": one.integration_id,
        "org_id": None if row is None else row.org_id,
        "organization": one.organization or None,
        "integration_type": None if row is None else row.integration_type,
        "values": {key: _json(value) for key, value in one.values.items()},
    }
