"""Whether all is well, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.conditions.failed_runs import Verified
from synkron.ledger.nodes import Node
from synkron.ledger.ticks import NewestTick
from synkron.service.forms import held_by
from synkron.service.nouns.fires import Fire, fire
from synkron.service.status.verdict import Held, Need, Runs, Status, Verdict


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An open incident by its title."""

    incident_id: int
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class RunCounts(Runs):
    """The unfinished runs, those that are or started ``late``, and those that failed with no success since."""

    late: int
    failing: int


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """How Synkron does. ``held_for`` says of the ``held`` integrations why they could not run, and counts each reason.

    What a pause holds in the coming hour is not due: ``paused_within_the_hour`` counts it beside.
    """

    at: datetime
    verdict: Verdict
    needs: Sequence[Need]
    last_tick: NewestTick | None
    nodes: Sequence[Node]
    runs: RunCounts
    pauses: int
    held: int
    held_for: Held
    verification: Verified | None
    incidents: Sequence[OpenIncident]
    due_within_the_hour: int
    paused_within_the_hour: int
    next: Sequence[Fire]


def status_facts(found: Status) -> StatusFacts:
    """The status for programs."""
    return StatusFacts(
        at=found.at,
        verdict=found.verdict,
        needs=found.needs,
        last_tick=found.last_tick,
        nodes=found.nodes,
        runs=RunCounts(**held_by(found.runs), late=found.late, failing=found.failing),  # type: ignore[arg-type]
        pauses=found.pauses,
        held=found.held.total,
        held_for=found.held,
        verification=found.verification,
        incidents=[OpenIncident(one.id, one.condition.title, one.state) for one in found.incidents],
        due_within_the_hour=found.due,
        paused_within_the_hour=found.paused,
        next=[fire(one) for one in found.coming],
    )
