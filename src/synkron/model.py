"""The shared nouns: plain values that the pure decisions take and return."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import index
from typing import NamedTuple, TypeAlias, TypeVar

Answer = TypeVar("Answer")
Steps: TypeAlias = Generator[None, None, Answer]
"""Work that yields after each step, usually some microseconds long, and returns its result."""


# requirement R4
@dataclass(frozen=True, slots=True)
class DueIntegration:
    """One integration that fires: ids as text, ``scheduled_for`` an instant in UTC on the minute."""

    org_id: str
    integration_id: str
    integration_type: str
    scheduled_for: datetime


class Fault(StrEnum):
    """Which part of an invalid row is wrong."""

    SCHEDULE = "schedule"
    ZONE = "zone"
    TYPE = "type"
    ORGANIZATION = "organization"
    ROW = "row"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class InvalidIntegration:
    """A row that can't run, and why. It costs this row a warning and affects no other row (G6).

    ``due`` are its occurrences if its schedule is valid: they wait until the row can run. ``error`` is the exception if
    the fault is Synkron's own.
    """

    org_id: str
    integration_id: str
    integration_type: str
    reason: str
    fault: Fault = Fault.SCHEDULE
    due: Occurrences | None = field(default=None, compare=False)
    error: Exception | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Integration:
    """One row of the application's table with its organization's zone, as in the database.

    ``timezone`` is None for UTC, text (an IANA name or an offset), or a number of minutes. ``updated_at`` is None if
    the settings name no such column. ``oddity`` names a value that can't be used (``synkron.source.oddity``); the other
    values are then only for people to read.
    """

    integration_id: str
    org_id: str
    integration_type: str
    is_enabled: bool
    cron_schedule: str | None
    organization_exists: bool
    timezone: str | int | Decimal | None
    updated_at: datetime | None = None
    oddity: str | None = None

    @property
    def has_own_id(self) -> bool:
        """Whether its id distinguishes it from every other row."""
        return self.oddity is None or not self.oddity.startswith(("id ", "row "))


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a read covers, without ``start`` and including ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The moments of a window at which an integration's schedule fires, oldest first. Integrations share the lists.

    Each moment ends a period, which starts at the moment before (G5); the first period starts at ``period_start``, None
    if the schedule has no earlier moment. ``following`` is the schedule's next moment after the last one.
    """

    integration: Integration
    moments: Sequence[datetime]
    period_start: datetime | None
    following: datetime | None

    def starts(self) -> Sequence[datetime | None]:
        """The start of each moment's period."""
        return [self.period_start, *self.moments[:-1]]


class Scope(NamedTuple):
    """What something applies to: all fields that are not None must match; if all are None, everything matches."""

    org_id: str | None = None
    integration_type: str | None = None
    integration_id: str | None = None

    def holds(self, row: Integration | DueIntegration | InvalidIntegration | Scope) -> bool:
        """Whether the integration, or all of a narrower scope, is in the scope."""
        return (
            self.org_id in (None, row.org_id)
            and self.integration_type in (None, row.integration_type)
            and self.integration_id in (None, row.integration_id)
        )


EVERYTHING = Scope()


class Source(StrEnum):
    """What created a run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    MANUAL = "manual"
    BACKFILL = "backfill"


class Action(StrEnum):
    """What is decided for an occurrence."""

    RUN = "run"
    MERGE = "merge"
    SKIP = "skip"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one or several moments of an integration, and why. Each moment of a window has one decision.

    It becomes one row for each of ``moments`` (oldest first), or a single row if it is ``in_summary``. ``period_start``
    is the start of the first row's period. A decision to run has one moment, and does not start before
    ``execute_after``.
    """

    integration: Integration
    action: Action
    source: Source
    reason: str
    moments: Sequence[datetime]
    period_start: datetime | None
    in_summary: bool = False
    execute_after: datetime | None = None

    def starting_at(self, at: datetime) -> Decision:
        """The same run with a later start. ``replace`` takes four times as long, and there may be millions of these."""
        return Decision(
            self.integration, self.action, self.source, self.reason, self.moments, self.period_start, execute_after=at
        )


class State(StrEnum):
    """The life of a run: claimed -> running -> succeeded | failed; claimed -> skipped; running -> claimed."""

    CLAIMED = "claimed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Run:
    """One started attempt of a run, as sent to the target. ``crashes`` of its ``failures`` lost their worker."""

    id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    source: Source
    scheduled_for: datetime
    period_start: datetime | None
    period_end: datetime
    attempt: int
    failures: int
    crashes: int
    drift: timedelta


class OutcomeKind(StrEnum):
    """The result of an attempt: done; accepted, the outcome follows later; failed, worth a retry; failed for good."""

    SUCCEEDED = "succeeded"
    ACCEPTED = "accepted"
    RETRYABLE = "retryable"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt.

    ``retry_after`` is the wait that the target asked for. ``is_throttled`` says that the target or its vendor refused
    because of too many requests. ``uptime`` is how long the target had been up when it answered, if it says so.
    """

    kind: OutcomeKind
    http_status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None
    is_throttled: bool = False
    uptime: timedelta | None = None


class Warmth(StrEnum):
    """Whether a target was already running when it was called."""

    WARM = "warm"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class CallTiming:
    """The timing of a run's call: ``duration`` until the answer, and how warm the target was, if known.

    ``known_by`` is ``header`` or ``time``; ``cost`` is the additional time of a cold start.
    """

    duration: timedelta
    warmth: Warmth | None = None
    known_by: str | None = None
    cost: timedelta | None = None


def recorded_status(status: object) -> int | None:
    """The HTTP status as it is recorded: 600 and above become 599; below 100 counts as no answer."""
    try:
        figure = index(status)  # type: ignore[arg-type]  # raises TypeError unless it is a whole number
    except TypeError:
        return None
    return min(figure, 599) if figure >= 100 else None
