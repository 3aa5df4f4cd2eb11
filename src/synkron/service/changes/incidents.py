"""Incidents that are acknowledged, and silences, in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from synkron.service.forms import held_by

if TYPE_CHECKING:
    from synkron.incidents.lifecycle import Incident
    from synkron.operations.silences import RecordedSilence, SilencePlan


@dataclass(frozen=True, slots=True)
class PlannedSilence:
    """What would be silent until when, and the open incidents of it."""

    subject: str
    until: datetime
    incident_ids: Sequence[int]


def acknowledged(plan: Incident, done: Incident | None) -> Mapping[str, object]:
    """The incident, as it is announced."""
    from synkron.incidents.message import facts_of

    return {"incident": facts_of(done or plan)}


def silenced(plan: SilencePlan, done: RecordedSilence | None) -> Mapping[str, object]:
    """The silence that was made or ended, null in a dry run; and what it is about."""
    planned = PlannedSilence(plan.subject, plan.until, [one.id for one in plan.incidents])
    return {"silence": done and held_by(done, "silence"), "plan": planned}
