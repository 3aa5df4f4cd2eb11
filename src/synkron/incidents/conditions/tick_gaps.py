"""Time without a tick. Pure: gaps in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import moment
from synkron.text import several, span


@dataclass(frozen=True, slots=True)
class TickGap:
    """A gap between two ticks, and what was caught up after it. ``ended`` is None while the gap lasts.

    ``runs`` started late because of it, ``others`` were merged, skipped or expired; ``is_cut``: there are more.
    """

    began: datetime
    ended: datetime | None
    runs: int
    others: int
    is_cut: bool


def tick_gaps(gaps: Sequence[TickGap], at: datetime) -> list[Condition]:
    """One condition for the newest gap; its detail lists the earlier ones."""
    if not gaps:
        return []
    *earlier, newest = sorted(gaps, key=lambda gap: gap.began)
    lasted = span((newest.ended or at) - newest.began)
    before = "".join(f" Earlier gap: from {moment(gap.began)} to {moment(gap.ended or at)}." for gap in earlier)
    if newest.ended is None:
        title = f"No scheduler has ticked for {lasted}"
        told = f"The last tick was at {moment(newest.began)}. No run is claimed until the next tick, which catches up."
    else:
        title = f"No scheduler ticked for {lasted}"
        told = f"There was no tick from {moment(newest.began)} to {moment(newest.ended)}. {_caught_up(newest)}"
    return [
        Condition(
            kind=IncidentKind.TICK_GAP,
            subject="ticks",
            title=title,
            detail=f"{told}{before}",
            remedy=(
                "Check that a scheduler is running and can reach the database: `synkron nodes` lists them, "
                "`synkron run` starts one."
            ),
            since=min(gap.began for gap in gaps),
            touches={"runs": sum(gap.runs for gap in gaps), "not_run": sum(gap.others for gap in gaps)},
        )
    ]


def _caught_up(gap: TickGap) -> str:
    if not (gap.runs or gap.others):
        return "Nothing was due then."
    others = f" Merged, skipped or expired: {several(gap.others, 'occurrence')}." if gap.others else ""
    return f"It made {several(gap.runs, 'run', at_least=gap.is_cut)} late.{others}"
