"""Targets that were met cold. Pure: rows in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.incidents import Condition, Kind
from synkron.incidents.conditions.wording import MOST_IDS, moment
from synkron.settings.integrations.naming import section_of
from synkron.text import several, span


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """The attempts of a type that met a cold target in the last hour. The costs are None where none is known."""

    integration_type: str
    attempts: int
    first: datetime
    last: datetime
    cost: timedelta | None
    worst: timedelta | None
    by_header: int
    by_time: int
    org_ids: Sequence[str]
    is_cut: bool


def cold(found: Sequence[ColdStarts]) -> list[Condition]:
    """One condition for each type."""
    return [_of_type(one) for one in found]


def _of_type(one: ColdStarts) -> Condition:
    name = one.integration_type
    known = [
        *([f"{one.by_header:,} by what the target says of itself"] if one.by_header else []),
        *([f"{one.by_time:,} by the time since it was met last"] if one.by_time else []),
    ]
    cost = "What that cost is not known."
    if one.cost is not None and one.worst is not None:
        cost = f"That cost {span(one.cost)} in all, and {span(one.worst)} at worst."
    return Condition(
        kind=Kind.COLD_START,
        subject=name,
        title=f"{name}: {several(one.attempts, 'attempt', at_least=one.is_cut)} met a cold target",
        detail=(
            f"From {moment(one.first)} to {moment(one.last)}; known of {' and of '.join(known)}. {cost} "
            "`synkron drift` shows how many met a warm one."
        ),
        remedy=(
            f"Have the target warmed up ahead of its runs (`{section_of(name)}.warm_up`), and for long enough "
            "(`keep_warm`); the page on warm-up tells what can be done."
        ),
        since=one.first,
        integration_type=name,
        touches={
            "organizations": list(one.org_ids[:MOST_IDS]),
            "organizations_total": len(one.org_ids),
            "attempts": one.attempts,
        },
    )
