"""What went wrong inside Synkron itself. Pure: faults in, conditions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents import Condition, Kind
from synkron.incidents.conditions.wording import listed, moment


@dataclass(frozen=True, slots=True)
class InternalFault:
    """An exception that nobody expected, of the class ``error``, and in which loop and processes it came up."""

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
        kind=Kind.INTERNAL_FAULT,
        subject=f"{fault.loop}: {fault.error} at {fault.place}",
        title=f"A fault in Synkron itself, in the loop {fault.loop}: {fault.error}",
        detail=(
            f"It came up {often} at {fault.place}, from {moment(fault.first)} to {moment(fault.last)}, in "
            f"{listed(fault.nodes)}. The loop begins again by itself after a pause, and the others go on."
        ),
        remedy="The log of that process has its traceback, the first time that it came up. Please report it with that.",
        since=fault.first,
        touches={"times": fault.times, "processes": len(fault.nodes)},
    )
