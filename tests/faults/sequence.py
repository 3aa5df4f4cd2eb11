"""What a seed stands for: the integrations, and the sequence of faults and edits. Pure: same seed, same plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    DISK_FULL = "disk full"
    TARGET_HANGS = "target hangs"
    TARGET_FAILS = "target answers 500"
    TARGET_BUSY_SECONDS = "target answers 429, seconds"
    TARGET_BUSY_DATE = "target answers 429, date"
    TARGET_CUTS = "target cuts the connection"
    SCHEDULE_CHANGED = "schedule changed"
    DISABLED = "row disabled, enabled"
    ADDED = "row added"
    DELETED = "row deleted"
    CLOCK_FORWARD = "clock forward"
    CLOCK_BACK = "clock back"


# A step back costs as long again until what was due before it is due once more: too long for the short form.
SHORT = [kind for kind in Kind if kind is not Kind.CLOCK_BACK]
SCHEDULERS = ("scheduler 1", "scheduler 2")
WORKERS = ("worker 1", "worker 2", "worker 3")
VICTIMS = {
    Kind.SCHEDULER_KILLED: SCHEDULERS,
    Kind.SCHEDULER_STOPPED: SCHEDULERS,
    Kind.SCHEDULER_ENDED: SCHEDULERS,
    Kind.WORKER_KILLED: WORKERS,
    Kind.WORKER_STOPPED: WORKERS,
    Kind.WORKER_ENDED: WORKERS,
}
EDITS = (Kind.SCHEDULE_CHANGED, Kind.DISABLED, Kind.DELETED)
STEPS = {Kind.CLOCK_FORWARD: 60, Kind.CLOCK_BACK: -10}
# For how long a fault lasts, in seconds of the calendar. A stop outlasts the heartbeat, which is 60 s.
LASTING = (40, 120)
STOPPED = (70, 110)
OUTAGE = (0, 90)

# Most fire every minute, so that no fault meets a quiet one.
SCHEDULES = ["* * * * *"] * 5 + ["*/2 * * * *", "1-59/2 * * * *", "*/3 * * * *", "*/5 * * * *", "7,23,38,52 * * * *"]


@dataclass(frozen=True)
class Row:
    """An integration as the application has it."""

    id: str
    integration_type: str
    schedule: str


@dataclass(frozen=True)
class Fault:
    """One fault. ``at`` is its place in the experiment, from 0 to 1; ``seconds`` are the calendar's.

    ``victims`` are processes; ``row`` is the row that is edited, as it is to be.
    """

    kind: Kind
    at: float
    seconds: float = 0.0
    victims: tuple[str, ...] = ()
    row: Row | None = None

    def __str__(self) -> str:
        words: list[str] = [self.kind.value]
        if self.victims:
            words.append(f"({', '.join(self.victims)})")
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
        stopped = kind in (Kind.SCHEDULER_STOPPED, Kind.WORKER_STOPPED)
        return Fault(kind, at, random.uniform(*(STOPPED if stopped else OUTAGE)), victims)
    if kind is Kind.ADDED:
        return Fault(kind, at, row=_row(random, types, number))
    if kind in EDITS:
        row = unedited.pop()
        if kind is Kind.SCHEDULE_CHANGED:
            schedule = random.choice([one for one in SCHEDULES if one != row.schedule])
            row = Row(row.id, row.integration_type, schedule)
        return Fault(kind, at, random.uniform(*LASTING) * 3 if kind is Kind.DISABLED else 0.0, row=row)
    if kind in (*STEPS, Kind.CONNECTIONS_DROPPED):
        return Fault(kind, at)
    return Fault(kind, at, random.uniform(*(OUTAGE if kind.value.startswith("database") else LASTING)))


def _row(random: Random, types: Sequence[str], number: int) -> Row:
    return Row(str(UUID(int=random.getrandbits(128), version=4)), types[number % len(types)], random.choice(SCHEDULES))
