"""One row of the overview, and how it is judged. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Generic, TypeVar

from synkron.cron import Cron
from synkron.model import Integration, InvalidIntegration, Source, State
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


class Standing(StrEnum):
    """How a row stands at a glance: the first of these that holds.

    Those that a page can be limited to are as in ``RowState``. ``retrying``: the newest run has failed and is tried
    again. Of the last run that ended: ``well`` if it succeeded, ``skipped``, or ``ended`` if it failed and that is no
    fault of now: an operator cancelled it, or it is long ago. ``claimed``: the first run waits. ``new``: none yet.
    """

    INVALID = "invalid"
    DISABLED = "disabled"
    PAUSED = "paused"
    HELD = "held"
    RUNNING = "running"
    RETRYING = "retrying"
    FAILING = "failing"
    WELL = "well"
    SKIPPED = "skipped"
    ENDED = "ended"
    CLAIMED = "claimed"
    NEW = "new"


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
    those of the seven days up to the newest. It fails ``failing_since``. ``endpoint`` is None if its type's vendor is
    not watched.
    """

    integration: Integration
    organization: str
    fault: InvalidIntegration | None
    cron: Cron | None
    zone: tzinfo | None
    next_fire: datetime | None
    pause: Pause | None
    held_since: datetime | None
    held_for: Hold | None
    runs: Sequence[StripRun]
    drift_p95: timedelta | None
    failing_since: datetime | None
    endpoint: EndpointHealth | None

    @property
    def is_next_held(self) -> bool:
        """Whether the pause still lasts when it would fire next."""
        return self.pause is not None and self.next_fire is not None and self.pause.lasts_at(self.next_fire)

    @property
    def standing(self) -> Standing:
        """How it stands at a glance."""
        if not self.integration.is_enabled or self.integration.cron_schedule is None:
            return Standing.DISABLED
        if self.fault is not None:
            return Standing.INVALID
        if self.pause is not None:
            return Standing.PAUSED
        return Standing.HELD if self.held_since is not None else self._of_runs()

    def _of_runs(self) -> Standing:
        newest = self.runs[-1] if self.runs else None
        if newest is not None and newest.state is State.RUNNING:
            return Standing.RUNNING
        if newest is not None and newest.state is State.CLAIMED and newest.started_at is not None:
            return Standing.RETRYING
        if self.failing_since is not None:
            return Standing.FAILING
        match next((one.state for one in reversed(self.runs) if one.finished_at is not None), None):
            case State.SUCCEEDED:
                return Standing.WELL
            case State.SKIPPED:
                return Standing.SKIPPED
            case State.FAILED:
                return Standing.ENDED
            case _:
                return Standing.CLAIMED if self.runs else Standing.NEW
