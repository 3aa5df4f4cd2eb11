"""Targets that started cold. Pure: rows in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import moment, touched
from synkron.settings.integrations.naming import section_of
from synkron.text import several, span


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """The attempts of a type that had a cold start in the last hour. The costs are None if they are not known."""

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


# requirement R16.3
def cold(one: ColdStarts) -> Condition:
    """The condition of one type."""
    name = one.integration_type
    known = [
        *([f"{one.by_header:,} by the target's own report"] if one.by_header else []),
        *([f"{one.by_time:,} by the time that the call took"] if one.by_time else []),
    ]
    cost = "Their cost is not known."
    if one.cost is not None and one.worst is not None:
        cost = f"They cost {span(one.cost)} in all, and {span(one.worst)} at worst."
    return Condition(
        kind=IncidentKind.COLD_START,
        subject=name,
        title=f"{name}: {several(one.attempts, 'attempt', at_least=one.is_cut)} had a cold start",
        detail=(
            f"From {moment(one.first)} to {moment(one.last)}; detected: {' and '.join(known)}. {cost} "
            "`synkron drift` shows how many attempts found the target warm."
        ),
        remedy=(
            f"Warm the target up before its runs (`{section_of(name)}.warm_up`), and for long enough (`keep_warm`); "
            "see the documentation on warm-up."
        ),
        since=one.first,
        integration_type=name,
        touches=touched(one.org_ids, attempts=one.attempts),
    )
