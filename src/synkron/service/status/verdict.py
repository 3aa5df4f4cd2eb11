"""What the status is made of, and what of it needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.failed_runs import Verified
from synkron.incidents.conditions.wording import listed
from synkron.incidents.grouping import joined
from synkron.incidents.lifecycle import Incident
from synkron.ledger.nodes import Node
from synkron.ledger.ticks import LONGEST_BETWEEN_TICKS, NewestTick
from synkron.source.upcoming import Upcoming
from synkron.text import minute, several, span


class Verdict(StrEnum):
    """Whether all is well."""

    WELL = "well"
    NEEDS_A_PERSON = "needs a person"
    NOBODY_TICKS = "nobody ticks"


@dataclass(frozen=True, slots=True)
class Runs:
    """The unfinished runs: waiting to start, being called, accepted by their target, and on hold for their vendor."""

    waiting: int
    running: int
    accepted: int
    on_hold: int


@dataclass(frozen=True, slots=True)
class Held:
    """The integrations that were due and could not run, by why: a pause, an unknown type, a missing organization."""

    paused: int
    unknown_type: int
    without_organization: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.paused + self.unknown_type + self.without_organization


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person: what, and the command that shows more or mends it."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Status:
    """How Synkron does at the moment ``at``, by the database's clock.

    ``not_fired`` says why nothing may start from this ledger, None if it may. ``pauses`` are in effect. ``conditions``
    are wrong now; ``incidents`` are open. ``due`` counts the moments of the coming hour at which something runs, of
    which ``coming`` are the first, and ``paused`` those that a pause holds. ``without_target`` are the types of rows
    that fire though nothing is set to be called.
    """

    at: datetime
    not_fired: str | None
    last_tick: NewestTick | None
    pg_cron_claimed_at: datetime | None
    nodes: Sequence[Node]
    runs: Runs
    pauses: int
    held: Held
    conditions: Sequence[Condition]
    incidents: Sequence[Incident]
    verification: Verified | None
    without_target: Sequence[str]
    due: int
    paused: int
    coming: Sequence[Upcoming]

    @property
    def late(self) -> int:
        """The runs that are late, or started late within the last 15 minutes."""
        return self._count(IncidentKind.DRIFT)

    @property
    def failing(self) -> int:
        """The failed runs of the last seven days whose integration has not succeeded since."""
        return self._count(IncidentKind.RUN_FAILED)

    def alive(self, role: str) -> list[Node]:
        """The processes of the role that are running."""
        return [node for node in self.nodes if node.state == "running" and role in node.roles]

    @property
    def ticks(self) -> bool:
        """Whether somebody ticks."""
        return (
            self.not_fired is None
            and self.last_tick is not None
            and self.at - self.last_tick.at <= LONGEST_BETWEEN_TICKS
        )

    @property
    def verdict(self) -> Verdict:
        """The verdict on all of it."""
        if not self.ticks:
            return Verdict.NOBODY_TICKS
        return Verdict.NEEDS_A_PERSON if self.needs else Verdict.WELL

    @property
    def needs(self) -> list[Need]:
        """What needs a person, the gravest first. What somebody has acknowledged needs nobody else."""
        return [*self._of_processes(), *self._of_incidents(), *self._untold()]

    def _count(self, kind: IncidentKind) -> int:
        counts: Counter[str] = Counter()
        for one in self.conditions:
            runs = one.touches.get("runs")
            if one.kind is kind and isinstance(runs, int):
                counts[one.subject] += runs
        return counts.total()

    def _of_processes(self) -> Iterator[Need]:
        if self.not_fired is not None:
            yield Need(self.not_fired, "synkron adopt --help")
        elif self.last_tick is None:
            yield Need("Nobody has ticked yet, so nothing is run.", "synkron run")
        elif not self.ticks:
            claims = (
                f" pg_cron claimed what was planned, last at {minute(self.pg_cron_claimed_at)}."
                if (self.pg_cron_claimed_at is not None and self.at - self.pg_cron_claimed_at <= LONGEST_BETWEEN_TICKS)
                else ""
            )
            yield Need(
                f"Nobody ticks: the last tick was {span(self.at - self.last_tick.at)} ago, "
                f"at {minute(self.last_tick.at)}.{claims}",
                "synkron run",
            )
        elif self.last_tick.source == "service" and not self.alive("scheduler"):
            yield Need("No scheduler is running.", "synkron run")
        if not self.alive("worker"):
            waiting = f"; {several(self.runs.waiting, 'run')} wait" if self.runs.waiting else ""
            yield Need(f"No worker is running, so no run is delivered{waiting}.", "synkron run --role worker")
        if self.without_target:
            yield Need(
                f"There is no target for {listed(self.without_target)}: such runs are skipped.", "synkron doctor"
            )

    def _of_incidents(self) -> Iterator[Need]:
        for one in self.incidents:
            if one.acknowledged_at is None and not self._is_of_ticks(one.condition):
                yield Need(_since(one.condition), f"synkron incidents show {one.id}")

    def _untold(self) -> Iterator[Need]:
        """What is wrong and has no incident yet, a line for each kind."""
        told = {one.condition.kind for one in self.incidents}
        kinds: dict[IncidentKind, list[Condition]] = {}
        for one in self.conditions:
            if one.kind not in told and not self._is_of_ticks(one):
                kinds.setdefault(one.kind, []).append(one)
        for kind, some in kinds.items():
            one = some[0] if len(some) == 1 else joined(some)
            command = "synkron runs --state failed" if kind is IncidentKind.RUN_FAILED else "synkron incidents"
            yield Need(_since(one), command)

    def _is_of_ticks(self, one: Condition) -> bool:
        """Whether it repeats that nobody ticks."""
        return not self.ticks and one.kind is IncidentKind.TICK_GAP


def _since(one: Condition) -> str:
    return f"Since {minute(one.since)}: {one.title}"
