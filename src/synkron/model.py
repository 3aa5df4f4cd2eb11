"""The nouns: plain values that the pure decisions take and return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid5

# Fixed for ever: a new namespace would give finished runs new keys, and targets would take them for new work.
KEY_NAMESPACE = UUID("5d1f2a6e-7c0b-4d57-9a55-1f0c6f0e5b3d")


@dataclass(frozen=True, slots=True)
class DueIntegration:
    """One integration that fires: ids as text, ``scheduled_for`` an instant in UTC on the minute."""

    org_id: str
    integration_id: str
    integration_type: str
    scheduled_for: datetime


@dataclass(frozen=True, slots=True)
class InvalidIntegration:
    """A row that can't be fired, and why. It costs this row a warning and nobody else anything (G6)."""

    org_id: str
    integration_id: str
    integration_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Integration:
    """One row of the application's table with its organization's zone, as it stands in the database.

    ``timezone`` is None for UTC, text (an IANA name or an offset), or a number of minutes.
    """

    integration_id: str
    org_id: str
    integration_type: str
    is_enabled: bool
    cron_schedule: str | None
    organization_exists: bool
    timezone: str | int | Decimal | None


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that a read covers. ``start`` is left out, ``end`` belongs to it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A moment at which an integration's schedule fires, with the period that ends there (G5).

    ``period_start`` is the schedule's previous moment, None when it has none.
    """

    integration: Integration
    scheduled_for: datetime
    period_start: datetime | None


class CatchUp(StrEnum):
    """What becomes of the occurrences that nobody fired in time."""

    LATEST = "latest"
    SKIP = "skip"


class Overlap(StrEnum):
    """What becomes of a run whose integration is still running."""

    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the runs of one integration type are fired, delivered and retried (design 9)."""

    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: timedelta = timedelta(hours=24)
    overlap: Overlap = Overlap.QUEUE
    concurrency: int = 100
    attempts: int = 3
    backoff: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=160)


class Source(StrEnum):
    """What made a run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"


class Action(StrEnum):
    """What is decided of an occurrence."""

    RUN = "run"
    MERGE = "merge"
    SKIP = "skip"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to an occurrence, and why. Every occurrence of a window gets exactly one.

    ``occurrences`` is above 1 only where one row stands for many expired moments; the period covers them all.
    """

    occurrence: Occurrence
    action: Action
    source: Source
    reason: str
    period_start: datetime | None
    occurrences: int = 1


class State(StrEnum):
    """The life of a run: claimed -> running -> succeeded | failed; claimed -> skipped; running -> claimed."""

    CLAIMED = "claimed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Run:
    """One started attempt of a run: what the target is told."""

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
    drift: timedelta


class OutcomeKind(StrEnum):
    """What an attempt came to: done, worth another try, or not."""

    SUCCEEDED = "succeeded"
    RETRYABLE = "retryable"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back from a target. ``retry_after`` is the wait that the target itself asked for."""

    kind: OutcomeKind
    http_status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did. ``run_ids`` are the runs that it claimed; a lost race leaves them out."""

    at: datetime
    window: Window
    due: int
    claimed: int
    skipped: int
    invalid: tuple[InvalidIntegration, ...]
    run_ids: tuple[int, ...]


def idempotency_key(integration_id: str, scheduled_for: datetime) -> str:
    """The key of a run, from its integration and scheduled moment alone: the same for ever, on any host."""
    return str(uuid5(KEY_NAMESPACE, f"{integration_id}@{scheduled_for.astimezone(UTC):%Y-%m-%dT%H:%MZ}"))
