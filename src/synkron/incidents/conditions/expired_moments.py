"""Moments that expired: missed longer ago than their catch-up window. Pure: rows in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import listed, moment, touched
from synkron.text import several


@dataclass(frozen=True, slots=True)
class Expired:
    """What expired of a type within a day: moments from ``first`` to ``last``, decided from ``since`` on."""

    integration_type: str
    occurrences: int
    first: datetime
    last: datetime
    since: datetime
    org_ids: Sequence[str]
    is_cut: bool


def expired(found: Sequence[Expired]) -> list[Condition]:
    """One condition for all of them."""
    if not found:
        return []
    total, is_cut = sum(one.occurrences for one in found), any(one.is_cut for one in found)
    org_ids = list(dict.fromkeys(org_id for one in found for org_id in one.org_ids))
    first, last = min(one.first for one in found), max(one.last for one in found)
    whose = several(len(org_ids), "organization", at_least=is_cut)
    of_types = listed([f"{one.integration_type} {one.occurrences:,}" for one in found])
    return [
        Condition(
            kind=IncidentKind.MOMENTS_EXPIRED,
            subject="expired",
            title=f"{several(total, 'occurrence', at_least=is_cut)} of {whose} expired and did not run",
            detail=(
                f"They were missed longer ago than their catch-up window, the last at {moment(last)}: {of_types}. "
                "`synkron why` explains each; no other run exports its period."
            ),
            remedy=(
                f"`synkron backfill --from {first:%Y-%m-%dT%H:%MZ} --to ...` with an organization or a type runs them. "
                "With a longer `catch_up_window`, fewer expire. When you are done, acknowledge this; it then closes."
            ),
            since=min(one.since for one in found),
            integration_type=found[0].integration_type if len(found) == 1 else None,
            touches=touched(org_ids, occurrences=total),
        )
    ]
