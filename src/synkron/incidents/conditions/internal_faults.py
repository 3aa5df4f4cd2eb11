"""Faults in Synkron itself. Pure: faults in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import listed, moment


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


def internal(faults: Sequence[InternalFault]) -> list[Condition]:
    """One condition for each loop, exception and place."""
    return [_of(fault) for fault in faults]


def _of(fault: InternalFault) -> Condition:
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
