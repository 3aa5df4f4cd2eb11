"""What is known about an integration and a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from synkron.model import Action, Source, State
from synkron.scheduler.pauses import Hold


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run in the ledger. ``errors`` are the errors of its failed attempts, the oldest first.

    ``deferred_at`` is when it first waited for its vendor to recover. It waits up to ``deferred_until``; None: it no
    longer waits. ``behind`` is the run of its integration that is running; ``behind_until`` is when that must be
    completed, if its target has accepted it.
    """

    id: int
    source: Source
    action: Action
    state: State
    reason: str
    scheduled_for: datetime
    execute_after: datetime
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime
    attempt: int
    retries: int
    error: str | None
    completes_by: datetime | None = None
    occurrences: int = 1
    errors: Sequence[str] = ()
    deferred_at: datetime | None = None
    deferred_until: datetime | None = None
    deferred_reason: str | None = None
    behind: int | None = None
    behind_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PauseFacts:
    """A pause that covered the minute. ``ended_at`` is when it ended or will end; None: until somebody resumes it."""

    id: int
    author: str
    reason: str
    starts_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """A change that an operator made."""

    at: datetime
    author: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at ``now`` about one integration and ``moment``, a minute in UTC.

    ``exists`` is whether its row is still in the table; ``fault`` says why the row can't run now. ``described`` is its
    current schedule in words; ``fires`` is whether that includes the moment, ``previous`` and ``following`` are its
    nearest occurrences.

    ``decided`` is the ledger's record of the moment, ``into`` the run that it was merged into, or in whose period it is
    although nothing was decided, ``asked`` the runs that operators asked for in this minute. ``was_watched`` is whether
    a tick decided the minute on time; otherwise ``tick_before`` and ``tick_after`` are the nearest ticks. Everything up
    to ``watermark`` is decided, except what is on hold since ``held_since`` for the reason ``held_for``. ``pauses``
    covered the moment; ``paused_now`` is in effect now.
    """

    org_id: str
    organization: str
    integration_id: str
    integration_type: str
    moment: datetime
    now: datetime
    zone: tzinfo | None
    zone_name: str
    exists: bool
    is_enabled: bool
    cron_schedule: str | None
    described: str | None
    fault: str | None
    fires: bool
    previous: datetime | None
    following: datetime | None
    decided: RunFacts | None
    into: RunFacts | None
    asked: Sequence[RunFacts]
    was_watched: bool
    tick_before: datetime | None
    tick_after: datetime | None
    watermark: datetime | None
    held_since: datetime | None
    held_for: Hold | None
    pauses: Sequence[PauseFacts]
    paused_now: PauseFacts | None
    audit: Sequence[AuditFacts]

    @property
    def is_held(self) -> bool:
        """Whether the minute is undecided because its integration is on hold since then or before."""
        return self.held_since is not None and self.held_since <= self.moment
