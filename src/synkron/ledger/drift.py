"""The stages between a run's scheduled moment and its target's answer. Pure: moments in, stages out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from synkron.model import Source

ZERO = timedelta()


class Stage(StrEnum):
    """A part of the time. Each stage ends when the next begins."""

    SPREAD = "spread"
    TICK = "tick"
    TURN = "turn"
    WORKER = "worker"
    TARGET = "target"


# Why a run spent time there, as the end of a sentence.
REASONS: Mapping[Stage, str] = {
    Stage.SPREAD: "its type's spread or pace delayed its start, as configured",
    Stage.TICK: "no scheduler claimed it in time",
    Stage.TURN: "it waited behind an older run of its integration, a pause or a hold, or its job was lost",
    Stage.WORKER: "no worker was free or running",
    Stage.TARGET: "its target took this long to respond",
}

# The stages that can make a start late. The spread is intended, and the target comes after the start.
AT_FAULT = (Stage.TICK, Stage.TURN, Stage.WORKER)


# requirement R17.4
@dataclass(frozen=True, slots=True)
class Moments:
    """The recorded times of a run's first attempt. If it has not started, ``started_at`` is now.

    ``execute_after`` is when it was allowed to start, spread and pace included. ``enqueued_at`` is when the job that
    started it was enqueued; ``duration`` is how long its target took. Both are None if they are not recorded.
    """

    source: Source
    scheduled_for: datetime
    execute_after: datetime
    claimed_at: datetime
    started_at: datetime
    enqueued_at: datetime | None = None
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LateRun:
    """A run that started late, or is late and has not started: then its moments end now."""

    run_id: int
    integration_id: str
    org_id: str
    integration_type: str
    moments: Moments
    has_started: bool

    @property
    def late(self) -> timedelta:
        """How late it is."""
        return lateness(self.moments) or ZERO

    @property
    def since(self) -> datetime:
        """When it became late."""
        return self.moments.started_at - self.late


def stages(run: Moments) -> dict[Stage, timedelta]:
    """How long each stage took. Together they last from the scheduled moment to the answer.

    Stages that are not recorded are left out: the target, or the turn and the worker, which can't be told apart then.
    For a run that an operator asked for, the time counts from the request.
    """
    reached = began(run)
    end = max(run.started_at, reached)
    found = {}
    for stage, until in _ends(run, end):
        until = min(max(until, reached), end)
        found[stage] = until - reached
        reached = until
    if run.duration is not None:
        found[Stage.TARGET] = max(run.duration, ZERO)
    return found


def began(run: Moments) -> datetime:
    """The moment from which the time counts."""
    is_by_hand = run.source in (Source.MANUAL, Source.BACKFILL)
    return max(run.scheduled_for, run.claimed_at) if is_by_hand else run.scheduled_for


def lateness(run: Moments) -> timedelta | None:
    """How late it started; None if an operator asked for the run.

    For a run on schedule, lateness counts from when it was allowed to start. For a catch-up it counts from the
    scheduled moment, because the run was already late when it was claimed.
    """
    match run.source:
        case Source.SCHEDULE:
            return max(run.started_at - run.execute_after, ZERO)
        case Source.CATCH_UP:
            return max(run.started_at - run.scheduled_for, ZERO)
        case _:
            return None


def lost_in(run: Moments) -> Stage | None:
    """The stage that caused most of the lateness; None if the records do not show it."""
    found = stages(run)
    longest = max((stage for stage in AT_FAULT if stage in found), key=found.__getitem__)
    untold = max(run.started_at - began(run), ZERO) - sum(
        (length for stage, length in found.items() if stage is not Stage.TARGET), ZERO
    )
    return None if untold > found[longest] else longest


def _ends(run: Moments, end: datetime) -> Iterator[tuple[Stage, datetime]]:
    """The stages in order of time, each with its end. A catch-up gets its start time when it is claimed."""
    planned = [(Stage.SPREAD, run.execute_after), (Stage.TICK, run.claimed_at)]
    yield from planned if run.source is not Source.CATCH_UP else reversed(planned)
    if run.enqueued_at is not None:
        yield Stage.TURN, run.enqueued_at
        yield Stage.WORKER, end
