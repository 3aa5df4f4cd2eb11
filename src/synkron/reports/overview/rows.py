"""One row of the overview, and how it is judged. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Generic, TypeVar

from synkron.cron import Cron
from synkron.model import Integration, Source, State
from synkron.scheduler.pauses import Hold, Pause

Row = TypeVar("Row")


class RowState(StrEnum):
    """What a page can be limited to.

    ``failing``: a run failed for good within seven days, and none has succeeded since. ``running``: a run is under way.
    ``paused``: a pause is in effect. ``held``: moments stay undecided. ``invalid``: it can't run, although it is
    enabled and has a schedule. ``disabled``: it is disabled, or has no schedule.
    """

    FAILING = "failing"
    RUNNING = "running"
    PAUSED = "paused"
    HELD = "held"
    INVALID = "invalid"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows in their order. ``next`` is the cursor of the page after this one, None if this is the last."""

    rows: Sequence[Row]
    next: str | None


@dataclass(frozen=True, slots=True)
class StripRun:
    """One of the last runs: how it ended, why it exists (``source`` is its kind), and how long it took."""

    run_id: int
    state: State
    source: Source
    scheduled_for: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def duration(self) -> timedelta | None:
        """From its start to its end; None if it has not started or ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What is known of a vendor's endpoint: the verdict, why, since when, and when it was contacted last."""

    endpoint: str
    verdict: str
    reason: str
    since: datetime | None
    sampled_at: datetime | None


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One integration at a glance, with its row as it is now.

    ``fault`` says why it can't run, or could not if it were enabled. ``cron`` and ``zone`` are its schedule, None where
    they are invalid; ``cron.describe()`` says it in words. ``next_fire`` is None if it does not fire: it is disabled,
    invalid, or its schedule never fires. During a ``pause`` its moments are put on hold instead: since ``held_since``,
    for the reason ``held_for``. ``runs`` are the last 30, the oldest first. ``drift_p95`` is of its newest 100 runs,
    those of the seven days up to the newest. ``endpoint`` is None if its type's vendor is not watched.
    """

    integration: Integration
    organization: str
    fault: str | None
    cron: Cron | None
    zone: tzinfo | None
    next_fire: datetime | None
    pause: Pause | None
    held_since: datetime | None
    held_for: Hold | None
    runs: Sequence[StripRun]
    drift_p95: timedelta | None
    endpoint: EndpointHealth | None
