"""What a verification reads, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from synkron.model import Action, Source, State

# Sets, as millions of rows are asked.
OF_TICKS = frozenset({Source.SCHEDULE, Source.CATCH_UP})


class Kind(StrEnum):
    """What is wrong with an occurrence. The last two are findings only where somebody asks for them."""

    MISSED = "missed"
    DOUBLED = "doubled"
    LATE = "late"
    UNEXPLAINED = "unexplained"
    UNDELIVERED = "undelivered"
    UNCOVERED = "uncovered"


class Undelivered(StrEnum):
    """Why a moment that was due was not delivered. ``merged`` ones belong to a run that was skipped."""

    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MERGED = "merged"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be so; ``at`` is where it begins. What is wrong with ticks is no integration's."""

    kind: Kind
    at: datetime
    message: str
    integration_id: str | None = None
    org_id: str | None = None
    integration_type: str | None = None
    run_id: int | None = None


class Standing(NamedTuple):
    """A row of the application's table as it stands: it is enabled and has a schedule. A tuple, as there are millions.

    ``timezone`` is as the ledger writes it; a number of minutes where ``zone_is_number``. ``written`` and
    ``zone_written`` are the lower 32 bits of the transactions that wrote the row and its organization's, None where
    nobody can tell. From ``held_since`` on (left out) it is held undecided.
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

    def finding(self, kind: Kind, at: datetime, message: str) -> Finding:
        """What is wrong with what became of this row."""
        return Finding(kind, at, message, self.integration_id, self.org_id, self.integration_type)


class Recorded(NamedTuple):
    """A row of the ledger: what was decided of a moment, and what came of it. A tuple, as there are millions.

    ``source``, ``action`` and ``state`` hold the values of the model's ``Source``, ``Action`` and ``State``.
    ``has_tick`` says whether the tick that decided it is on record, or forgotten with those of its age, and
    ``fits_tick`` whether it says the same. ``outcomes`` are those of its attempts on record, in their order, with a
    space between; one without an end is ``open``. The last of them has the number ``last_attempt``; the first began at
    ``attempted_from``, and the last to end did at ``attempted_to``. ``runs_back`` says that one ended before it began.
    ``paused_until`` is when the last pause ended that it waited through. ``ticked_from`` is where its tick's window
    begins, for a row that stands for many moments.
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
        """Whether it stands for its moment: a run that an operator asked for besides the schedule does not."""
        return self.source != Source.MANUAL

    @property
    def is_from_tick(self) -> bool:
        """Whether a tick decided it."""
        return self.source in OF_TICKS

    @property
    def is_delivered(self) -> bool:
        """Whether its target was called, or will be."""
        return self.action == Action.RUN and self.state != State.SKIPPED

    def finding(self, kind: Kind, message: str) -> Finding:
        """What is wrong with this row."""
        return Finding(
            kind, self.scheduled_for, message, self.integration_id, self.org_id, self.integration_type, self.id
        )
