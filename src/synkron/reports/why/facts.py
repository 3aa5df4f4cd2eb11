"""What is known of an integration and a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from synkron.model import Action, Hold, Source, State


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A row of the ledger. ``errors`` are those of its attempts that failed, in their order.

    ``deferred_at`` is when it was first made to wait for its vendor to recover; it does so still up to
    ``deferred_until``, and no more where that is None.
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


@dataclass(frozen=True, slots=True)
class PauseFacts:
    """A pause that covered the minute. ``ended_at`` is when it ended, or will by itself; None until it is resumed."""

    id: int
    author: str
    reason: str
    starts_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """What somebody changed."""

    at: datetime
    author: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that bears on one integration at ``moment``, a minute in UTC, as it is known at ``now``.

    ``exists`` is whether its row still stands; ``fault`` says why it can't be fired as it stands. By its schedule as it
    stands, ``described`` in words, it ``fires`` at the moment, and at the ``previous`` and ``following`` ones.

    ``decided`` is what the ledger has of the moment, ``into`` the run that it was merged into, ``asked`` the runs that
    operators asked for in this minute. A tick looked at the minute in time if ``was_watched``; otherwise
    ``tick_before`` and ``tick_after`` are the nearest. Up to ``watermark`` everything is decided, but for what is held
    since ``held_since``, for the reason ``held_for``. ``pauses`` covered the moment; ``paused_now`` is the one that
    lasts now.
    """

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
        """Whether the minute is undecided as its integration was held by then."""
        return self.held_since is not None and self.held_since <= self.moment
