"""Conditions for tests, and a world of incidents that is cranked look by look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.lifecycle import (
    FLAPPING,
    Incident,
    IncidentChange,
    Occasion,
    OpenIncidents,
    Rules,
    Silence,
    Transition,
    plan,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOOK = timedelta(seconds=30)
HOUR = timedelta(hours=1)
RULES = Rules(settle=5 * MINUTE, remind_every=24 * HOUR)


def condition(
    subject: str = "xledger of Fjord", kind: IncidentKind = IncidentKind.RUN_FAILED, **facts: Any
) -> Condition:
    """A condition that says what it is about."""
    says: dict[str, Any] = {
        "title": f"{subject} is not as it should be",
        "detail": f"Something about {subject} is wrong.",
        "remedy": "See what the target answered, then `synkron runs retry 4711`.",
        "since": NOON - MINUTE,
        "org_id": "fjord",
        "integration_type": "xledger",
        "touches": {"organizations": ["fjord"], "organizations_total": 1, "runs": 2},
    }
    return Condition(kind=kind, subject=subject, **says | facts)


def many(number: int, kind: IncidentKind = IncidentKind.RUN_FAILED, **facts: Any) -> list[Condition]:
    """So many conditions of a kind, each of an organization of its own."""
    return [condition(f"number {n:04}", kind, **{"org_id": f"org-{n}", "touches": {}} | facts) for n in range(number)]


@dataclass
class World:
    """Incidents as the database would hold them, and what was announced: when, of which incident, why."""

    rules: Rules = RULES
    at: datetime = NOON
    incidents: dict[int, Incident] = field(default_factory=dict)
    told: list[tuple[datetime, int, Occasion]] = field(default_factory=list)

    def look(
        self, *conditions: Condition, after: timedelta = LOOK, silences: Iterable[Silence] = ()
    ) -> list[Transition]:
        """Some time later: what became of the incidents."""
        self.at += after
        transitions = plan(conditions, OpenIncidents(self.open, self._recent(), list(silences)), self.rules, self.at)
        numbered = [self._keep(one) for one in transitions]
        assert len({one.condition.key for one in self.open}) == len(self.open), "a subject is open twice"
        return numbered

    @property
    def open(self) -> list[Incident]:
        """Those that have not closed."""
        return [one for one in self.incidents.values() if one.closed_at is None]

    def occasions(self, number: int = 1) -> list[Occasion]:
        """What was told of an incident, in order."""
        return [occasion for _, told, occasion in self.told if told == number]

    def acknowledge(self, number: int = 1) -> None:
        """Somebody is at it."""
        one = self.incidents[number]
        self.incidents[number] = replace(one, acknowledged_at=self.at, acknowledged_by="kari")

    def _recent(self) -> Counter[Any]:
        return Counter(
            one.condition.key
            for one in self.incidents.values()
            if one.closed_at is not None and one.opened_at > self.at - FLAPPING
        )

    def _keep(self, one: Transition) -> Transition:
        number = len(self.incidents) + 1 if one.change is IncidentChange.OPENED else one.incident.id
        incident = replace(one.incident, id=number)
        self.incidents[number] = incident
        if one.occasion is not None:
            self.told.append((self.at, number, one.occasion))
        return replace(one, incident=incident)


def changes(transitions: Sequence[Transition]) -> list[tuple[IncidentChange, Occasion | None]]:
    """What became of each, and why it is told."""
    return [(one.change, one.occasion) for one in transitions]
