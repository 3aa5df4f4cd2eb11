"""What a verification reads, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from synkron.model import Action, Integration, Source, State


class Kind(StrEnum):
    """What is wrong with an occurrence."""

    MISSED = "missed"
    DOUBLED = "doubled"
    LATE = "late"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be so. A hole between ticks belongs to no integration; ``at`` is where it begins."""

    kind: Kind
    at: datetime
    message: str
    integration_id: str | None = None
    org_id: str | None = None
    integration_type: str | None = None
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of the application's table as it stands, and the transactions since which it does.

    ``written`` wrote the row and ``zone_written`` its organization's; None where nobody can tell. From ``held_since``
    on (left out) a pause leaves the integration undecided.
    """

    integration: Integration
    written: int | None
    zone_written: int | None
    held_since: datetime | None = None


class Recorded(NamedTuple):
    """A row of the ledger: what was decided of a moment, and what came of it. A tuple, as there are millions.

    ``source``, ``action`` and ``state`` hold the values of the model's ``Source``, ``Action`` and ``State``.
    ``paused_until`` is when the last pause ended that it waited through; ``successes`` counts its attempts that
    succeeded; ``has_tick`` says whether the tick that decided it is on record, or forgotten with those of its age.
    """

    id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    source: str
    action: str
    state: str
    scheduled_for: datetime
    period_start: datetime | None
    occurrences: int
    cron_schedule: str | None
    timezone: str | None
    execute_after: datetime
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    has_tick: bool = True
    successes: int = 0
    paused_until: datetime | None = None

    @property
    def decides(self) -> bool:
        """Whether it stands for its moment: a run that an operator asked for besides the schedule does not."""
        return self.source != Source.MANUAL

    @property
    def is_from_tick(self) -> bool:
        """Whether a tick decided it."""
        return self.source in (Source.SCHEDULE, Source.CATCH_UP)

    @property
    def is_delivered(self) -> bool:
        """Whether its target was called, or will be."""
        return self.action == Action.RUN and self.state != State.SKIPPED

    def finding(self, kind: Kind, message: str) -> Finding:
        """What is wrong with this row."""
        return Finding(
            kind, self.scheduled_for, message, self.integration_id, self.org_id, self.integration_type, self.id
        )
