"""What a seed stands for: the integrations, and the sequence of faults and edits. Pure: same seed, same plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from uuid import UUID


class Kind(StrEnum):
    """What may befall an experiment."""

    SCHEDULER_KILLED = "scheduler killed"
    WORKER_KILLED = "worker killed"
    SCHEDULER_STOPPED = "scheduler stopped"
    WORKER_STOPPED = "worker stopped"
    SCHEDULER_ENDED = "scheduler ended"
    WORKER_ENDED = "worker ended"
    DATABASE_RESTARTED = "database restarted"
    DATABASE_CRASHED = "database crashed"
    CONNECTIONS_DROPPED = "connections dropped"
    CONNECTIONS_SILENT = "connections silent"
    ROLE_TIMEOUTS = "role timeouts"
    FORGED = "forged notifications"
    DISK_FULL = "disk full"
    TARGET_HANGS = "target hangs"
    TARGET_FAILS = "target answers 500"
    TARGET_BUSY_SECONDS = "target answers 429, seconds"
    TARGET_BUSY_DATE = "target answers 429, date"
    TARGET_CUTS = "target cuts the connection"
    TARGET_ODD = "target answers 999 or 600"
    SCHEDULE_CHANGED = "schedule changed"
    DISABLED = "row disabled, enabled"
    ADDED = "row added"
    DELETED = "row deleted"
    MOVED = "type and organization edited"
    MANY_DELETED = "300 rows deleted at once"
    ID_ALTERED = "id column altered"
    TYPE_UNKNOWN = "type unknown for a while"
    OTHER_TZDATA = "other tzdata for a while"
    CLOCK_FORWARD = "clock forward"
    CLOCK_BACK = "clock back"


SCHEDULERS = ("scheduler 1", "scheduler 2")
WORKERS = ("worker 1", "worker 2", "worker 3")
VICTIMS = {
    Kind.SCHEDULER_KILLED: SCHEDULERS,
    Kind.SCHEDULER_STOPPED: SCHEDULERS,
    Kind.SCHEDULER_ENDED: SCHEDULERS,
    Kind.WORKER_KILLED: WORKERS,
    Kind.WORKER_STOPPED: WORKERS,
    Kind.WORKER_ENDED: WORKERS,
    Kind.TYPE_UNKNOWN: SCHEDULERS,
    Kind.OTHER_TZDATA: WORKERS,
}
EDITS = (Kind.SCHEDULE_CHANGED, Kind.DISABLED, Kind.DELETED, Kind.MOVED)
STEPS = {Kind.CLOCK_FORWARD: 60, Kind.CLOCK_BACK: -10}
# For how long a fault lasts, in seconds of the calendar. A stop outlasts the heartbeat, which is 60 s.
LASTING = (40, 120)
STOPPED = (70, 110)
OUTAGE = (0, 90)
# They are over as soon as they have happened.
AT_ONCE = (*STEPS, Kind.CONNECTIONS_DROPPED, Kind.CONNECTIONS_SILENT, Kind.ID_ALTERED)
MANY = 300
# Types that only the settings make known; those that are built in can't be unknown.
DECLARED = ("fiken", "tripletex", "poweroffice")

# Most fire every minute, so that no fault meets a quiet one.
MINUTELY = "* * * * *"
SCHEDULES = [MINUTELY] * 5 + ["*/2 * * * *", "1-59/2 * * * *", "*/3 * * * *", "*/5 * * * *", "7,23,38,52 * * * *"]


@dataclass(frozen=True)
class Row:
    """An integration as the application has it. ``organization`` is the number of one of two."""

    id: str
    integration_type: str
    schedule: str
    organization: int = 1


@dataclass(frozen=True)
class Fault:
    """One fault. ``at`` is its place in the experiment, from 0 to 1; ``seconds`` are the calendar's.

    ``victims`` are processes; ``row`` is the row that is edited, as it is to be, ``rows`` are many that come and go.
    ``type`` is the integration type that the victims are not to know.
    """

    kind: Kind
    at: float
    seconds: float = 0.0
    victims: tuple[str, ...] = ()
    row: Row | None = None
    rows: tuple[Row, ...] = ()
    type: str = ""

    def __str__(self) -> str:
        words: list[str] = [self.kind.value]
        if self.victims:
            words.append(f"({', '.join(self.victims)})")
        if self.type:
            words.append(f"({self.type})")
        if self.kind in STEPS:
            words.append(f"by {abs(STEPS[self.kind])} min")
        if self.row:
            words.append(f"({self.row.id[:8]}, {self.row.integration_type}, {self.row.schedule})")
        if self.seconds:
            words.append(f"for {self.seconds:.0f} s")
        return " ".join(words)


@dataclass(frozen=True)
class Plan:
    """The first rows, and the faults in their order."""

    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]


def plan(seed: int, *, rows: int, faults: int, types: Sequence[str], kinds: Sequence[Kind]) -> Plan:
    """What the seed stands for. Every kind comes once before any comes again; a row is edited once at most."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    first = tuple(_row(random, types, number) for number in range(rows))
    unedited = random.sample(first, len(first))
    deck: list[Kind] = []
    while len(deck) < faults:
        deck += random.sample(kinds, len(kinds))
    planned = []
    for number, kind in enumerate(deck[:faults]):
        at = (number + random.uniform(0.2, 0.8)) / faults
        planned.append(_fault(random, kind, at, types, unedited, rows + number))
    return Plan(first, tuple(planned))


def _fault(random: Random, kind: Kind, at: float, types: Sequence[str], unedited: list[Row], number: int) -> Fault:
    if kind in VICTIMS:
        alone = random.random() < 0.6  # otherwise all of them, which is an outage
        victims = (random.choice(VICTIMS[kind]),) if alone else VICTIMS[kind]
        unknown = random.choice(DECLARED) if kind is Kind.TYPE_UNKNOWN else ""
        return Fault(kind, at, random.uniform(*_span(kind)), victims, type=unknown)
    if kind is Kind.ADDED:
        return Fault(kind, at, row=_row(random, types, number))
    if kind is Kind.MANY_DELETED:
        return Fault(kind, at, rows=tuple(replace(_row(random, types[:1], 0), schedule=MINUTELY) for _ in range(MANY)))
    if kind in EDITS:
        return _edit(random, kind, at, types, unedited)
    if kind in AT_ONCE:
        return Fault(kind, at)
    return Fault(kind, at, random.uniform(*_span(kind)))


def _span(kind: Kind) -> tuple[float, float]:
    if kind in (Kind.SCHEDULER_STOPPED, Kind.WORKER_STOPPED):
        return STOPPED
    lasts = kind not in VICTIMS or kind in (Kind.TYPE_UNKNOWN, Kind.OTHER_TZDATA)
    return LASTING if lasts and not kind.value.startswith("database") else OUTAGE


def _edit(random: Random, kind: Kind, at: float, types: Sequence[str], unedited: list[Row]) -> Fault:
    if kind is Kind.MOVED:
        # It is edited in the half-minute before a moment of its own, so that is to come soon.
        row = next((one for one in unedited if one.schedule == MINUTELY), unedited[-1])
        unedited.remove(row)
        other = random.choice([one for one in types if one != row.integration_type])
        return Fault(kind, at, row=replace(row, integration_type=other, organization=3 - row.organization))
    row = unedited.pop()
    if kind is Kind.SCHEDULE_CHANGED:
        row = replace(row, schedule=random.choice([one for one in SCHEDULES if one != row.schedule]))
    return Fault(kind, at, random.uniform(*LASTING) * 3 if kind is Kind.DISABLED else 0.0, row=row)


def _row(random: Random, types: Sequence[str], number: int) -> Row:
    own = str(UUID(int=random.getrandbits(128), version=4))
    return Row(own, types[number % len(types)], random.choice(SCHEDULES), 1 + number % 5 % 2)
