"""An incident, in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.lifecycle import Incident
from synkron.incidents.message import facts_of, touches_of
from synkron.incidents.store import RecordedAnnouncement
from synkron.service.forms import held_by


@dataclass(frozen=True, slots=True)
class AnnouncedIncident:
    """The form of an incident as it is announced. ``touches`` has counts, and ids of organizations."""

    incident_id: int
    state: str
    kind: str
    subject: str
    title: str
    detail: str
    remedy: str
    org_id: str | None
    integration_type: str | None
    endpoint: str | None
    touches: Mapping[str, object]
    since: datetime
    opened_at: datetime
    seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class IncidentFacts(AnnouncedIncident):
    """The form of what ``incident_facts`` answers: ``touches`` has the names of the organizations, too."""

    announced_at: datetime | None


def touched(found: Iterable[Incident]) -> set[str]:
    """The ids of the organizations that the incidents touch, as far as these are listed."""
    return {org_id for one in found for org_id in one.condition.organizations[0]}


def incident_facts(one: Incident, names: Mapping[str, str]) -> dict[str, object]:
    """What is announced of it, with the names of the organizations that it touches, and when it was announced."""
    org_names = [names.get(org_id) or None for org_id in one.condition.organizations[0]]
    touches = touches_of(one.condition) | {"org_names": org_names}
    return facts_of(one) | {"touches": touches, "announced_at": one.announced_at}


def shown_incident(
    one: Incident, announcements: Sequence[RecordedAnnouncement], names: Mapping[str, str]
) -> dict[str, object]:
    """The same, with what became of its announcements."""
    told = [held_by(each, "announcement") | {"state": each.state} for each in announcements]
    return incident_facts(one, names) | {"announcements": told}
