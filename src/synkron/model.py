"""The nouns: plain values that the pure decisions take and return."""

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

# What keys derived from before ledgers had an installation of their own. Fixed for ever: such runs keep their keys.
BEFORE_INSTALLATIONS = UUID("5d1f2a6e-7c0b-4d57-9a55-1f0c6f0e5b3d")


@dataclass(frozen=True, slots=True)
class DueIntegration:
    """One integration that fires: ids as text, ``scheduled_for`` an instant in UTC on the minute."""

    org_id: str
    integration_id: str
    integration_type: str
    scheduled_for: datetime


class Fault(StrEnum):
    """What of a row is at fault that can't be fired."""

    SCHEDULE = "schedule"
    ZONE = "zone"
    TYPE = "type"
    ORGANIZATION = "organization"
    ROW = "row"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class InvalidIntegration:
    """A row that can't be fired, and why. It costs this row a warning and nobody else anything (G6).

    ``due`` is what it would be due for, where its schedule is in order: that waits until the row can be fired.
    ``error`` is what Synkron itself met, where the fault is its own.
    """

    org_id: str
    integration_id: str
    integration_type: str
    reason: str
    fault: Fault = Fault.SCHEDULE
    due: Occurrences | None = field(default=None, compare=False)
    error: Exception | None = field(default=None, compare=False, repr=False)


class Hold(StrEnum):
    """Why an integration's moments stay undecided: it is paused, or can't be fired for now."""

    PAUSE = "pause"
    TYPE = "type"
    ORGANIZATION = "organization"

    @property
    def cause(self) -> str:
        """What is said of moments that were decided late for it."""
        return _CAUSES[self]


_CAUSES = {
    Hold.PAUSE: "it was paused",
    Hold.TYPE: "its type was not known",
    Hold.ORGANIZATION: "its organization was missing",
}


@dataclass(frozen=True, slots=True)
class Integration:
    """One row of the application's table with its organization's zone, as it stands in the database.

    ``timezone`` is None for UTC, text (an IANA name or an offset), or a number of minutes. ``updated_at`` is None
    where the settings name no such column. ``oddity`` names what nobody can work with (``synkron.source.oddity``); the
    other values are then for people alone.
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
        """Whether its id tells it from every other row."""
        return self.oddity is None or not self.oddity.startswith(("id ", "row "))


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that a read covers. ``start`` is left out, ``end`` belongs to it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The moments of a window at which an integration's schedule fires, oldest first; integrations share the lists.

    A period ends at each moment and starts at the one before it (G5): the first one's at ``period_start``, None when
    the schedule has no earlier moment. ``following`` is the schedule's next moment after the last one.
    """

    integration: Integration
    moments: Sequence[datetime]
    period_start: datetime | None
    following: datetime | None

    def starts(self) -> Sequence[datetime | None]:
        """Where the period of each moment starts."""
        return [self.period_start, *self.moments[:-1]]


class CatchUp(StrEnum):
    """What becomes of the occurrences that nobody fired in time."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Overlap(StrEnum):
    """What becomes of a run whose integration is still running."""

    QUEUE = "queue"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the runs of one integration type are fired, delivered and retried (design 9).

    ``pace`` is in starts per minute for the whole type, None for no limit. Where nobody has set the catch-up window, it
    holds the newest missed moment too, however long ago that was (``catch_up_newest``).
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
    """The policy of each integration type, and of each integration for which something else is set."""

    by_type: Mapping[str, Policy]
    by_integration: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, integration: Integration) -> Policy:
        """What holds for this integration."""
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
        """Whether the moment lies inside it."""
        return self.starts_at <= moment and (self.until is None or moment < self.until)


class Source(StrEnum):
    """What made a run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    MANUAL = "manual"
    BACKFILL = "backfill"


class Action(StrEnum):
    """What is decided of an occurrence."""

    RUN = "run"
    MERGE = "merge"
    SKIP = "skip"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one or several moments of an integration, and why. Every moment of a window is in exactly one.

    It becomes one row for each of ``moments`` (oldest first), or a single row where it is ``in_summary``.
    ``period_start`` is where the first row's period starts. A run has one moment, and is not started before
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
        """The same run, started later. Millions may be after an outage, and ``replace`` takes four times as long."""
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
    """One started attempt of a run: what the target is told. ``crashes`` of its ``failures`` lost their worker."""

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
    """What an attempt came to: done, taken by the target that will say later, worth another try, or not."""

    SUCCEEDED = "succeeded"
    ACCEPTED = "accepted"
    RETRYABLE = "retryable"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back from a target.

    ``retry_after`` is the wait that the target itself asked for, ``is_throttled`` that it, or the vendor behind it, had
    enough. ``uptime`` is how long the target had been up when it answered, where it says so.
    """

    kind: OutcomeKind
    http_status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None
    is_throttled: bool = False
    uptime: timedelta | None = None


class Warmth(StrEnum):
    """Whether a target was up and running when it was called."""

    WARM = "warm"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a run met its target: ``duration`` until the answer, and how warm it was, as far as that can be told.

    ``known_by`` is ``header`` or ``time``; ``cost`` is what a cold start took longer than a warm one.
    """

    duration: timedelta
    warmth: Warmth | None = None
    known_by: str | None = None
    cost: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did. ``run_ids`` are the runs that it claimed; a lost race leaves them out.

    ``held`` counts the integrations whose moments stay undecided as they are paused, or can't be fired for now.
    ``ahead`` has, for each type, the first start of a run of this tick within the minute that follows: what its target
    may be warmed up for.
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


def idempotency_key(installation: UUID, integration_id: str, scheduled_for: datetime) -> str:
    """The key of a run, from the installation, the integration and the moment alone: for ever the same, on any host."""
    return _uuid5(installation, f"{integration_id}@{_written(scheduled_for)}")


def manual_key(installation: UUID, integration_id: str, asked_at: datetime) -> str:
    """The key of a run that somebody asked for: never that of a scheduled one."""
    return _uuid5(installation, f"{integration_id}@{asked_at.astimezone(UTC).isoformat()} by hand")


def run_key(installation: UUID, integration_id: str, source: str, moment: datetime) -> str:
    """The key of a run by what made it, a ``Source``."""
    make = manual_key if source == Source.MANUAL else idempotency_key
    return make(installation, integration_id, moment)


def is_key_of(key: str, installations: Iterable[UUID], integration_id: str, source: str, moment: datetime) -> bool:
    """Whether the key is this run's: made from one of the installations, or as it was before there were any."""
    for installation in installations:
        if key == run_key(installation, integration_id, source, moment):
            return True
    return key == run_key(BEFORE_INSTALLATIONS, integration_id, source, moment)


def _uuid5(namespace: UUID, name: str) -> str:
    """The UUID of version 5 (RFC 9562) as text. The library's, made of integers, takes four times as long."""
    digits = sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=16_384)
def _written(moment: datetime) -> str:
    """The moment as keys have it. Many integrations share one, and writing it costs more than the rest."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
