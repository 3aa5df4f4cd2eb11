"""The command that says what a ledger is that has woken up elsewhere: adopt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, changing
from synkron.cli.options import InstallationName
from synkron.cli.table import second
from synkron.service.changes.access import adopted as adopted_in_json
from synkron.text import several

if TYPE_CHECKING:
    from synkron.ledger.installation import Installation
    from synkron.operations.adopt import AdoptionPlan


@changing
def adopt(
    adopted: Annotated[str, typer.Option("--as", metavar="original|copy", help="What this ledger is.")],
    installation: InstallationName = None,
) -> Change[AdoptionPlan, Installation]:
    """Say whether a copied or restored ledger is the original or a copy, so that it runs again.

    As the original, it replaces the ledger that it was made from, which must be stopped for good. It keeps its id, and
    so its keys. What was missed since the dump is run one by one, whatever the catch-up policy: targets that know a key
    have done that work.

    As a copy, it gets an id of its own and fires from now on. The ledger that it was made from goes on, and delivers
    what both have under way.

    \b
    Examples:
      synkron adopt --as original --dry-run
      synkron adopt --as copy --installation staging
    """
    from synkron.operations import adopt as operation

    if adopted not in list(operation.Adopted):
        raise typer.BadParameter(f'"{adopted}" is neither original nor copy', param_hint="--as")
    asked = operation.AskedAdoption(operation.Adopted(adopted), installation)
    return Change(
        plan=lambda connection, settings, now: operation.plan_adopt(connection, settings, asked, now),
        do=lambda connection, settings, author: operation.adopt(connection, settings, asked, author),
        question=f"Adopt it as {'the original' if adopted == 'original' else 'a copy'}?",
        told=_told,
        done=lambda _, made: [f"This ledger is {made}, and fires."],
        json=adopted_in_json,
    )


def _told(plan: AdoptionPlan) -> Iterator[str]:
    found = plan.installation
    yield f"This ledger: {found.whereabouts}."
    if found.is_at_home:
        yield "A backup of the whole server that was restored looks like that, too."
    yield from _as_original(plan) if plan.adopted == "original" else _as_copy(plan)


def _as_original(plan: AdoptionPlan) -> Iterator[str]:
    yield f"As the original it keeps its id, and {_named(plan.name)}."
    if plan.watermark is not None:
        yield f"Everything up to {second(plan.watermark)} UTC is decided in it. {_missed(plan)}"
    unfinished = plan.running + plan.claimed
    if unfinished:
        yield f"{several(unfinished, 'run')} not finished in it: delivered by its workers, with the same keys."
    yield "The ledger that it was made from must be stopped for good: it would send the same keys."


def _missed(plan: AdoptionPlan) -> str:
    if not plan.occurrences:
        return "Nothing was due since."
    missed = f"{several(plan.occurrences, 'occurrence')} of {several(plan.integrations, 'integration')}"
    return f"Due since: {missed}; the next tick gives each a run of its own."


def _as_copy(plan: AdoptionPlan) -> Iterator[str]:
    yield f"As a copy it gets a new id, and {_named(plan.name)}. It fires from now on, with keys of its own."
    unfinished = plan.running + plan.claimed
    if unfinished:
        yield f"{several(unfinished, 'run')} not finished in it: skipped here, and delivered by the original."
    yield "Its incidents are closed, and nothing of them is announced from here."


def _named(name: str | None) -> str:
    return f'the name "{name}"' if name else "no name"
