"""When incidents open, stay open and close, and what of it is announced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from synkron.backoff import doubled
from synkron.incidents.condition import Condition, IncidentKind, Key
from synkron.incidents.grouping import FLEET, join

# How far back earlier incidents of the same key count, and the longest time that a flapping incident stays open.
FLAPPING = timedelta(hours=6)
# Conditions are looked for every half minute. One that several looks did not see is gone.
UNSEEN_FOR = timedelta(seconds=90)
# What is doubled if the settle time is zero.
SHORTEST = timedelta(minutes=1)
# Conditions that are seen only at times stay open at least this long: invalid rows are seen only when they are due, a
# cold start only when it happens.
SEEN_WHEN_DUE = timedelta(hours=25)
LINGERS = {
    IncidentKind.UNKNOWN_TYPE: SEEN_WHEN_DUE,
    IncidentKind.NO_ORGANIZATION: SEEN_WHEN_DUE,
    IncidentKind.INVALID_ROW: SEEN_WHEN_DUE,
    IncidentKind.COLD_START: timedelta(hours=1),
}


class IncidentChange(StrEnum):
    """What happens to an incident."""

    OPENED = "opened"
    KEPT = "kept"
    CLOSED = "closed"


class Occasion(StrEnum):
    """Why there is an announcement."""

    OPENED = "opened"
    REMINDED = "reminded"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Incident:
    """A row of ``synkron.incidents``; ``id`` is 0 until there is one.

    ``announced_at`` is when it was last announced, None if it never was.
    """

    condition: Condition
    opened_at: datetime
    seen_at: datetime
    id: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    closed_at: datetime | None = None
    announced_at: datetime | None = None

    @property
    def state(self) -> str:
        """``open``, ``acknowledged`` or ``closed``."""
        if self.closed_at is not None:
            return "closed"
        return "open" if self.acknowledged_at is None else "acknowledged"

    def gone_since(self, at: datetime) -> datetime | None:
        """When its condition was seen last, if the incident is open and the condition is gone at ``at``; else None.

        A condition that is seen only at times may be there all the same.
        """
        is_gone = self.closed_at is None and at - self.seen_at > UNSEEN_FOR and self.condition.kind not in LINGERS
        return self.seen_at if is_gone else None


@dataclass(frozen=True, slots=True)
class Silence:
    """What is not announced: conditions that match all fields that are not None."""

    org_id: str | None = None
    integration_type: str | None = None
    endpoint: str | None = None

    def fits(self, one: Condition) -> bool:
        """Whether the silence covers the condition."""
        return (
            self.org_id in (None, one.org_id)
            and self.integration_type in (None, one.integration_type)
            and self.endpoint in (None, one.endpoint)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """How long a condition must be gone before its incident closes, and how often an open one is announced again."""

    settle: timedelta
    remind_every: timedelta


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """The open incidents, how often the same opened and closed in the last 6 h, and the current silences."""

    open: Sequence[Incident] = ()
    recent: Mapping[Key, int] = field(default_factory=dict)
    silences: Sequence[Silence] = ()

    def silences_one(self, one: Condition) -> bool:
        """Whether a silence covers it."""
        return any(silence.fits(one) for silence in self.silences)


@dataclass(frozen=True, slots=True)
class Transition:
    """What happens to an incident, the incident after that, and why it is announced (None: it is not)."""

    change: IncidentChange
    incident: Incident
    occasion: Occasion | None


def plan(conditions: Iterable[Condition], known: OpenIncidents, rules: Rules, at: datetime) -> list[Transition]:
    """What happens to each incident if exactly these conditions are true at ``at``.

    1. Too many conditions of a kind become one condition of the fleet.
    2. A condition opens an incident, or keeps the one that it has open: the texts are updated, and ``since`` is the
       earliest that was reported.
    3. An incident closes when its condition has been gone for long enough; until then it stays open.
    4. Each opening is announced once; if it is silenced, when the silence ends. There are reminders until somebody
       acknowledges it. A closing is announced if the opening was, unless a wider incident covers it.
    """
    own = {one.condition.key: one for one in known.open}
    holding = join(conditions, own.keys(), known.silences_one)
    joined = frozenset(kind for kind, subject in holding if subject == FLEET)
    away = [one for key, one in own.items() if key not in holding]
    seen = [(one, at) for one in holding.values()] + [(one.condition, one.seen_at) for one in away]
    wide = [(one, when) for one, when in seen if one.subject == FLEET or one.org_id is None]
    look = _Inputs(known, rules, at, joined, wide)
    return [*(_held(look, one, own.get(key)) for key, one in holding.items()), *_away(look, away)]


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The input of one plan.

    An incident of the fleet covers each kind in ``joined``. ``wide`` are the conditions about several organizations,
    with the time when each was last seen.
    """

    known: OpenIncidents
    rules: Rules
    at: datetime
    joined: frozenset[IncidentKind]
    wide: Sequence[tuple[Condition, datetime]]


def _held(look: _Inputs, condition: Condition, before: Incident | None) -> Transition:
    if before is None:
        return _told(look, IncidentChange.OPENED, Incident(condition, opened_at=look.at, seen_at=look.at))
    lasting = replace(condition, since=min(condition.since, before.condition.since))
    return _told(look, IncidentChange.KEPT, replace(before, condition=lasting, seen_at=look.at))


def _away(look: _Inputs, away: Iterable[Incident]) -> Iterator[Transition]:
    for one in away:
        times_before = look.known.recent.get(one.condition.key, 0)
        if look.at - one.seen_at >= lingers(one.condition.kind, times_before, look.rules):
            closed = replace(one, closed_at=look.at)
            yield Transition(IncidentChange.CLOSED, closed, Occasion.CLOSED if _end_is_told(look, one) else None)
        else:
            lingering = _told(look, IncidentChange.KEPT, one)
            if lingering.occasion is not None:
                yield lingering


def lingers(kind: IncidentKind, times_before: int, rules: Rules) -> timedelta:
    """How long an incident stays open without its condition; doubled for each time that it opened recently."""
    settle = doubled(max(rules.settle, SHORTEST), times_before, FLAPPING) if times_before else rules.settle
    return max(settle, LINGERS.get(kind, timedelta()))


def _told(look: _Inputs, change: IncidentChange, incident: Incident) -> Transition:
    """The transition of an open incident, with the occasion for an announcement, if any."""
    occasion = _occasion(look, incident)
    speaks = incident.condition.subject == FLEET or incident.condition.kind not in look.joined
    if occasion is None or not speaks or look.known.silences_one(incident.condition):
        return Transition(change, incident, None)
    return Transition(change, replace(incident, announced_at=look.at), occasion)


def _occasion(look: _Inputs, incident: Incident) -> Occasion | None:
    """Why an open incident would be announced if no silence covered it."""
    if incident.acknowledged_at is not None:
        return None
    if incident.announced_at is None:
        # One that is open only because it flaps is not announced as opened.
        is_current = look.at - incident.seen_at <= lingers(incident.condition.kind, 0, look.rules)
        return Occasion.OPENED if is_current else None
    return Occasion.REMINDED if look.at - incident.announced_at >= look.rules.remind_every else None


def _end_is_told(look: _Inputs, one: Incident) -> bool:
    """If the opening was, unless a silence covers it now, or a wider incident that was seen since it opened."""
    if one.announced_at is None or look.known.silences_one(one.condition):
        return False
    return not any(one.opened_at <= seen_at and _speaks_for(wide, one.condition) for wide, seen_at in look.wide)


def _speaks_for(wide: Condition, one: Condition) -> bool:
    """Whether it reports the same about more organizations, including these."""
    if wide.kind != one.kind or one.subject == FLEET:
        return False
    return wide.subject == FLEET or (
        one.org_id is not None
        and wide.integration_type in (None, one.integration_type)
        and wide.endpoint in (None, one.endpoint)
    )
