"""The shared nouns: plain values that the pure decisions take and return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple
from uuid import UUID

# Before ledgers had an installation, keys derived from this. It must never change: those runs keep their keys.
BEFORE_INSTALLATIONS = UUID("5d1f2a6e-7c0b-4d57-9a55-1f0c6f0e5b3d")


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


class Hold(StrEnum):
    """Why an integration's moments stay undecided: it is paused, or can't run for now."""

    PAUSE = "pause"
    TYPE = "type"
    ORGANIZATION = "organization"

    @property
    def cause(self) -> str:
        """The reason that is recorded for moments that were decided late because of it."""
        return _CAUSES[self]


_CAUSES = {
    Hold.PAUSE: "it was paused",
    Hold.TYPE: "its type was not known",
    Hold.ORGANIZATION: "its organization was missing",
}


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
    """The span of time that a read covers, without ``start`` and including ``end``."""

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


class CatchUp(StrEnum):
    """What happens to occurrences that were missed."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Overlap(StrEnum):
    """What happens to a run whose integration is still running."""

    QUEUE = "queue"
    SKIP = "skip"


# requirement R16.1
@dataclass(frozen=True, slots=True)
class Policy:
    """How the runs of one integration type are fired, delivered and retried (design 9).

    ``pace`` is in starts per minute for the whole type, None for no limit. If the catch-up window is not set, it always
    includes the newest missed moment, however old that is (``catch_up_newest``).
    """

    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: timedelta = timedelta(hours=24)
    catch_up_newest: bool = True
    overlap: Overlap = Overlap.QUEUE
    spread: timedelta = timedelta()
    pace: int | None = None
    concurrency: int = 100
    attempts: int = 3
    backoff: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=160)
    completion_timeout: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of each integration type, and of each integration that has overrides."""

    by_type: Mapping[str, Policy]
    by_integration: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, integration: Integration) -> Policy:
        """The policy for this integration."""
        return self.by_integration.get(integration.integration_id) or self.by_type[integration.integration_type]


class Scope(NamedTuple):
    """What something applies to: all fields that are not None must match; if all are None, everything matches."""

    org_id: str | None = None
    integration_type: str | None = None
    integration_id: str | None = None

    def holds(self, row: Integration) -> bool:
        """Whether the integration is in the scope."""
        return (
            self.org_id in (None, row.org_id)
            and self.integration_type in (None, row.integration_type)
            and self.integration_id in (None, row.integration_id)
        )


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Pause:
    """Who must not run from ``starts_at`` up to ``until`` (None: until somebody resumes it), and why."""

    id: int
    org_id: str | None
    integration_type: str | None
    integration_id: str | None
    reason: str
    author: str
    starts_at: datetime
    until: datetime | None

    @property
    def scope(self) -> Scope:
        """What the pause applies to."""
        return Scope(self.org_id, self.integration_type, self.integration_id)

    def lasts_at(self, moment: datetime) -> bool:
        """Whether it is in force at the moment."""
        return self.starts_at <= moment and (self.until is None or moment < self.until)


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

    def starting_at(self, start: datetime) -> Decision:
        """The same run with a later start. ``replace`` takes four times as long, and there may be millions of these."""
        return Decision(
            self.integration,
            self.action,
            self.source,
            self.reason,
            self.moments,
            self.period_start,
            execute_after=start,
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
class Meeting:
    """The timing of a run's call: ``duration`` until the answer, and how warm the target was, if known.

    ``known_by`` is ``header`` or ``time``; ``cost`` is the additional time of a cold start.
    """

    duration: timedelta
    warmth: Warmth | None = None
    known_by: str | None = None
    cost: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did. ``run_ids`` are the runs that it claimed, without those that another scheduler claimed.

    ``held`` counts the integrations whose moments stay undecided because they are paused or can't run for now.
    ``ahead`` has, for each type, the first start of a run of this tick within the next minute: its target may be warmed
    up for it.
    """

    at: datetime
    window: Window
    due: int
    claimed: int
    skipped: int
    held: int
    invalid: tuple[InvalidIntegration, ...]
    run_ids: tuple[int, ...]
    ahead: Mapping[str, datetime] = field(default_factory=dict)


# requirement R17.1
def idempotency_key(installation: UUID, integration_id: str, scheduled_for: datetime) -> str:
    """The key of a run, derived only from installation, integration and moment: always the same, on every host."""
    return _uuid5(installation, f"{integration_id}@{_written(scheduled_for)}")


def manual_key(installation: UUID, integration_id: str, asked_at: datetime) -> str:
    """The key of a run that an operator asked for. It never equals that of a scheduled run."""
    return _uuid5(installation, f"{integration_id}@{asked_at.astimezone(UTC).isoformat()} by hand")


def run_key(installation: UUID, integration_id: str, source: str, moment: datetime) -> str:
    """The key of a run, which depends on its ``Source``."""
    make = manual_key if source == Source.MANUAL else idempotency_key
    return make(installation, integration_id, moment)


def is_key_of(key: str, installations: Iterable[UUID], integration_id: str, source: str, moment: datetime) -> bool:
    """Whether the key is this run's: derived from one of the installations, or as before there were installations."""
    for installation in installations:
        if key == run_key(installation, integration_id, source, moment):
            return True
    return key == run_key(BEFORE_INSTALLATIONS, integration_id, source, moment)


def _uuid5(namespace: UUID, name: str) -> str:
    """The UUID of version 5 (RFC 9562) as text. The standard library takes four times as long."""
    digits = sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=16_384)
def _written(moment: datetime) -> str:
    """The moment as written in keys. It is remembered: many integrations share it, and writing it is slow."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
