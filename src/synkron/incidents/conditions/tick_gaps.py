"""Time in which nobody ticked. Pure: gaps in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents import Condition, Kind
from synkron.incidents.conditions.wording import moment
from synkron.text import several, span


@dataclass(frozen=True, slots=True)
class TickGap:
    """Two ticks far apart, ``ended`` None where none has come since; and what was caught up of it.

    ``runs`` started late for it, ``others`` were merged, skipped or given up; ``is_cut`` where there are more.
    """

    began: datetime
    ended: datetime | None
    runs: int
    others: int
    is_cut: bool


def ticked_not(gaps: Sequence[TickGap], at: datetime) -> list[Condition]:
    """One condition, for the newest of the gaps; the earlier ones stand in it."""
    if not gaps:
        return []
    *earlier, newest = sorted(gaps, key=lambda gap: gap.began)
    lasted = span((newest.ended or at) - newest.began)
    before = "".join(f" Before: from {moment(gap.began)} to {moment(gap.ended or at)}." for gap in earlier)
    if newest.ended is None:
        title = f"No scheduler has ticked for {lasted}"
        told = f"The last tick was at {moment(newest.began)}. Nothing is claimed; the next tick catches up."
    else:
        title = f"No scheduler ticked for {lasted}"
        told = f"There was no tick from {moment(newest.began)} to {moment(newest.ended)}. {_caught_up(newest)}"
    return [
        Condition(
            kind=Kind.TICK_GAP,
            subject="ticks",
            title=title,
            detail=f"{told}{before}",
            remedy="Is a scheduler running, and can it reach the database? `synkron nodes`; `synkron run` starts one.",
            since=min(gap.began for gap in gaps),
            touches={"runs": sum(gap.runs for gap in gaps), "not_run": sum(gap.others for gap in gaps)},
        )
    ]


def _caught_up(gap: TickGap) -> str:
    if not (gap.runs or gap.others):
        return "Nothing was due then."
    others = f"; {several(gap.others, 'occurrence')} more were merged, skipped or given up" if gap.others else ""
    return f"It made {several(gap.runs, 'run', at_least=gap.is_cut)} late{others}."
