"""What a verification reads, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from synkron.model import Action, Source, State

# A set, because millions of rows are looked up in it.
OF_TICKS = frozenset({Source.SCHEDULE, Source.CATCH_UP})
# Why a moment was not delivered: by its action, and by the first word of a skipped run's reason.
DECIDED: dict[str, str] = {Action.EXPIRE: "expired", Action.MERGE: "merged"}
SKIPPED = {"superseded": "superseded", "cancelled": "cancelled"}


class FindingKind(StrEnum):
    """What is wrong with an occurrence. The last two are reported only with ``--strict``."""

    MISSED = "missed"
    DOUBLED = "doubled"
    LATE = "late"
    UNEXPLAINED = "unexplained"
    UNDELIVERED = "undelivered"
    UNCOVERED = "uncovered"


class Undelivered(StrEnum):
    """Why a moment that was due was not delivered.

    A run may be ``cancelled`` before its target is called, or meanwhile. ``merged`` ones belong to a run that was
    skipped or cancelled.
    """

    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MERGED = "merged"
    HELD = "held"

    @classmethod
    def of(cls, action: str, reason: str) -> Undelivered:
        """Why a decision with this action and reason was not delivered."""
        if action in DECIDED:
            return cls(DECIDED[action])
        return cls(SKIPPED.get(reason.partition(" ")[0].rstrip(":"), "skipped"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, from the moment ``at`` on. A fault of the ticks has no integration."""

    kind: FindingKind
    at: datetime
    message: str
    integration_id: str | None = None
    org_id: str | None = None
    integration_type: str | None = None
    run_id: int | None = None


class LiveRow(NamedTuple):
    """A current row of the application's table that is enabled and has a schedule. A tuple, as there are millions.

    ``timezone`` is written as in the ledger; it is a number of minutes if ``zone_is_number``. ``written`` and
    ``zone_written`` are the lower 32 bits of the transactions that wrote the row and its organization, None if they
    can't be known. Moments after ``held_since`` are on hold, undecided.
    """

    integration_id: str
    org_id: str | None
    integration_type: str | None
    cron_schedule: str
    timezone: str | None
    zone_is_number: bool
    organization_exists: bool
    updated_at: datetime | None
    written: int | None
    zone_written: int | None
    held_since: datetime | None = None

    def finding(self, kind: FindingKind, at: datetime, message: str) -> Finding:
        """A finding about this row."""
        return Finding(kind, at, message, self.integration_id, self.org_id, self.integration_type)


class RecordedDecision(NamedTuple):
    """A row of the ledger: a decision about a moment, and its result. A tuple, as there are millions.

    ``source``, ``action`` and ``state`` hold the values of the model's ``Source``, ``Action`` and ``State``.
    ``has_tick`` is whether its tick is on record, or so old that it was deleted; ``fits_tick`` is whether that tick can
    have decided it. ``outcomes`` are the outcomes of its attempts on record, in their order, separated by spaces; an
    attempt without an end is ``open``. ``last_attempt`` is the number of the last one, ``attempted_from`` the start of
    the first, ``attempted_to`` the latest end; ``runs_back``: an attempt ended before it began. ``paused_until`` is the
    end of the last pause that it waited for. ``ticked_from`` is the start of its tick's window, for a row that stands
    for many moments.
    """

    id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    cron_schedule: str | None
    timezone: str | None
    source: str
    action: str
    state: str
    reason: str
    scheduled_for: datetime
    period_start: datetime | None
    occurrences: int
    execute_after: datetime
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    retries: int
    has_tick: bool = True
    fits_tick: bool = True
    outcomes: str = ""
    last_attempt: int = 0
    attempted_from: datetime | None = None
    attempted_to: datetime | None = None
    runs_back: bool = False
    paused_until: datetime | None = None
    ticked_from: datetime | None = None

    @property
    def decides(self) -> bool:
        """Whether it decides its moment; a run that an operator triggered does not."""
        return self.source != Source.MANUAL

    @property
    def is_from_tick(self) -> bool:
        """Whether a tick decided it."""
        return self.source in OF_TICKS

    @property
    def was_cancelled(self) -> bool:
        """Whether an operator cancelled it under way: it is recorded as failed."""
        # As the fragment `last_cancelled`, which would read every month's attempts once more.
        return self.state == State.FAILED and self.outcomes.endswith(Undelivered.CANCELLED)

    @property
    def is_delivered(self) -> bool:
        """Whether its target was or will be called."""
        return self.action == Action.RUN and self.state != State.SKIPPED

    def finding(self, kind: FindingKind, message: str) -> Finding:
        """A finding about this row."""
        return Finding(
            kind, self.scheduled_for, message, self.integration_id, self.org_id, self.integration_type, self.id
        )
