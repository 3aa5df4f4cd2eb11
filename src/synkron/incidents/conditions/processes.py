"""Synkron's own processes: time without a tick, different time zone rules, internal faults. Pure: facts in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import listed, moment
from synkron.text import several, span


@dataclass(frozen=True, slots=True)
class TickGap:
    """A gap between two ticks, and what was caught up after it. ``ended`` is None while the gap lasts.

    ``runs`` started late because of it, ``others`` were merged, skipped or expired; ``is_cut``: there are more. pg_cron
    ``claimed`` so many runs in the meantime.
    """

    began: datetime
    ended: datetime | None
    runs: int
    others: int
    claimed: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class InternalFault:
    """An unexpected exception of the class ``error``, and the loop and the processes in which it occurred."""

    loop: str
    error: str
    place: str
    nodes: Sequence[str]
    times: int
    first: datetime
    last: datetime


def tick_gaps(gaps: Sequence[TickGap], at: datetime) -> list[Condition]:
    """One condition for the newest gap; its detail lists the earlier ones."""
    if not gaps:
        return []
    *earlier, newest = sorted(gaps, key=lambda gap: gap.began)
    lasted = span((newest.ended or at) - newest.began)
    before = "".join(f" Earlier gap: from {moment(gap.began)} to {moment(gap.ended or at)}." for gap in earlier)
    if newest.ended is None:
        title = f"No scheduler has ticked for {lasted}"
        claims = "pg_cron claims what was planned, and nothing else" if newest.claimed else "No run"
        told = (
            f"The last tick was at {moment(newest.began)}. {claims} is claimed until the next tick, which catches up."
        )
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


def tzdata_differs(nodes: Mapping[str, Sequence[str]], at: datetime) -> list[Condition]:
    """A condition if the running ``nodes`` use more than one version of tzdata."""
    if len(nodes) < 2:
        return []
    versions = sorted(nodes)
    whose = "; ".join(f"{version} on {listed(nodes[version])}" for version in versions)
    return [
        Condition(
            kind=IncidentKind.TZDATA_DIFFERS,
            subject="tzdata",
            title=f"Processes use different time zone rules: tzdata {listed(versions)}",
            detail=(
                f"{whose}. If the rules of a zone differ, the minute at which its integrations run depends on the "
                "scheduler that ticks. All workers deliver the runs that it claims."
            ),
            remedy=(
                f"Install tzdata {versions[-1]} on all hosts (the system's package tzdata; Python's if the system has "
                "none), and restart the processes. `synkron nodes` shows the version of each."
            ),
            since=at,
            touches={"versions": versions, "nodes": sum(len(names) for names in nodes.values())},
        )
    ]


def internal(fault: InternalFault) -> Condition:
    """The condition of one loop, exception and place."""
    often = "once" if fault.times == 1 else f"{fault.times:,} times"
    return Condition(
        kind=IncidentKind.INTERNAL_FAULT,
        subject=f"{fault.loop}: {fault.error} at {fault.place}",
        title=f"Internal fault in the loop {fault.loop}: {fault.error}",
        detail=(
            f"It occurred {often} at {fault.place}, from {moment(fault.first)} to {moment(fault.last)}, in "
            f"{listed(fault.nodes)}. The loop restarts by itself after a pause, and the other loops continue."
        ),
        remedy="Please report it, with the traceback that the process logged when it first occurred.",
        since=fault.first,
        touches={"times": fault.times, "processes": len(fault.nodes)},
    )


def _caught_up(gap: TickGap) -> str:
    claimed = f"pg_cron claimed {several(gap.claimed, 'planned run')}. " if gap.claimed else ""
    if not (gap.runs or gap.others):
        return claimed.rstrip() or "Nothing was due then."
    others = f" Merged, skipped or expired: {several(gap.others, 'occurrence')}." if gap.others else ""
    return f"{claimed}It made {several(gap.runs, 'run', at_least=gap.is_cut)} late.{others}"
