"""What becomes of the incidents when conditions come, last and go, and of which of it one is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from synkron.backoff import doubled
from synkron.incidents.condition import Condition, Key, Kind
from synkron.incidents.grouping import FLEET, join

# How far back one looks for what opened before, and how long an incident lingers at most for having come and gone.
FLAPPING = timedelta(hours=6)
# What a settle time of nothing is doubled from.
SHORTEST = timedelta(minutes=1)
# What is only seen now and then lingers at least so long: a row of an unknown type, or an odd one, when it is due, a
# cold start when there was one.
SEEN_WHEN_DUE = timedelta(hours=25)
LINGERS = {
    Kind.UNKNOWN_TYPE: SEEN_WHEN_DUE,
    Kind.NO_ORGANIZATION: SEEN_WHEN_DUE,
    Kind.INVALID_ROW: SEEN_WHEN_DUE,
    Kind.COLD_START: timedelta(hours=1),
}


class Change(StrEnum):
    """What becomes of an incident."""

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

    ``announced_at`` is when it was announced last, None while it was kept quiet.
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


@dataclass(frozen=True, slots=True)
class Silence:
    """Whom nothing is announced of. All that are not None must fit."""

    org_id: str | None = None
    integration_type: str | None = None
    endpoint: str | None = None

    def fits(self, one: Condition) -> bool:
        """Whether the condition is about what is silenced."""
        return (
            self.org_id in (None, one.org_id)
            and self.integration_type in (None, one.integration_type)
            and self.endpoint in (None, one.endpoint)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """After how long away an incident closes, and how long after the last word one is reminded of it."""

    settle: timedelta
    remind_every: timedelta


@dataclass(frozen=True, slots=True)
class Known:
    """What stands: the open incidents, how often the same opened and closed in the last 6 h, the silences that last."""

    open: Sequence[Incident] = ()
    recent: Mapping[Key, int] = field(default_factory=dict)
    silences: Sequence[Silence] = ()

    def silences_one(self, one: Condition) -> bool:
        """Whether nothing is announced of it."""
        return any(silence.fits(one) for silence in self.silences)


@dataclass(frozen=True, slots=True)
class Transition:
    """What becomes of an incident, how it stands after that, and why it is announced, if it is."""

    change: Change
    incident: Incident
    occasion: Occasion | None


def plan(conditions: Iterable[Condition], known: Known, rules: Rules, at: datetime) -> list[Transition]:
    """What becomes of each incident, when at ``at`` just these conditions hold.

    1. Of too many conditions of a kind, one of the whole fleet is made.
    2. A condition opens an incident, or keeps the one that it has: its texts are brought up to date, and it is since
       the earliest that was said.
    3. An incident whose condition has been away for long enough closes; until then it lingers.
    4. Each opening is announced once, unless it is silenced: then when the silence ends. Whoever has not acknowledged
       it is reminded of it. A closing is announced where the opening was, unless a wider incident speaks for it.
    """
    own = {one.condition.key: one for one in known.open}
    holding = join(conditions, own.keys(), known.silences_one)
    joined = frozenset(kind for kind, subject in holding if subject == FLEET)
    away = [one for key, one in own.items() if key not in holding]
    seen = [(one, at) for one in holding.values()] + [(one.condition, one.seen_at) for one in away]
    look = _Look(known, rules, at, own, joined, [(one, when) for one, when in seen if _is_wide(one)])
    return [*(_held(look, one) for one in holding.values()), *_away(look, away)]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at how things are.

    ``own`` are the open incidents. The fleet's speaks for the kinds in ``joined``. ``wide`` are the conditions about
    several organizations, with when they were seen last.
    """

    known: Known
    rules: Rules
    at: datetime
    own: Mapping[Key, Incident]
    joined: frozenset[Kind]
    wide: Sequence[tuple[Condition, datetime]]


def _held(look: _Look, condition: Condition) -> Transition:
    before = look.own.get(condition.key)
    if before is None:
        return _told(look, Change.OPENED, Incident(condition, opened_at=look.at, seen_at=look.at))
    lasting = replace(condition, since=min(condition.since, before.condition.since))
    return _told(look, Change.KEPT, replace(before, condition=lasting, seen_at=look.at))


def _away(look: _Look, away: Iterable[Incident]) -> Iterator[Transition]:
    for one in away:
        times_before = look.known.recent.get(one.condition.key, 0)
        if look.at - one.seen_at >= lingers(one.condition.kind, times_before, look.rules):
            closed = replace(one, closed_at=look.at)
            yield Transition(Change.CLOSED, closed, Occasion.CLOSED if _end_is_told(look, one) else None)
        else:
            lingering = _told(look, Change.KEPT, one)
            if lingering.occasion is not None:
                yield lingering


def lingers(kind: Kind, times_before: int, rules: Rules) -> timedelta:
    """How long an incident stays open without its condition: twice as long each time that it has opened of late."""
    settle = doubled(max(rules.settle, SHORTEST), times_before, FLAPPING) if times_before else rules.settle
    return max(settle, LINGERS.get(kind, timedelta()))


def _told(look: _Look, change: Change, incident: Incident) -> Transition:
    """The transition of an incident that is open, with what there is to say of it."""
    occasion = _occasion(look, incident)
    speaks = incident.condition.subject == FLEET or incident.condition.kind not in look.joined
    if occasion is None or not speaks or look.known.silences_one(incident.condition):
        return Transition(change, incident, None)
    return Transition(change, replace(incident, announced_at=look.at), occasion)


def _occasion(look: _Look, incident: Incident) -> Occasion | None:
    """What there is to say of an open incident, were it not silenced."""
    if incident.acknowledged_at is not None:
        return None
    if incident.announced_at is None:
        # Of what only lingers because it came and went so often, nobody is told that it has opened.
        is_current = look.at - incident.seen_at <= lingers(incident.condition.kind, 0, look.rules)
        return Occasion.OPENED if is_current else None
    return Occasion.REMINDED if look.at - incident.announced_at >= look.rules.remind_every else None


def _end_is_told(look: _Look, one: Incident) -> bool:
    """Where the opening was, unless it is silenced now, or a wider incident that found it open speaks for it."""
    if one.announced_at is None or look.known.silences_one(one.condition):
        return False
    return not any(one.opened_at <= seen_at and _speaks_for(wide, one.condition) for wide, seen_at in look.wide)


def _is_wide(one: Condition) -> bool:
    return one.subject == FLEET or one.org_id is None


def _speaks_for(wide: Condition, one: Condition) -> bool:
    """Whether it says the same of more organizations, these among them."""
    if wide.kind != one.kind or one.subject == FLEET:
        return False
    return wide.subject == FLEET or (
        one.org_id is not None
        and wide.integration_type in (None, one.integration_type)
        and wide.endpoint in (None, one.endpoint)
    )
