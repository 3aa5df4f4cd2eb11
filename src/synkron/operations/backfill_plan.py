"""What a backfill does with each occurrence of its range. Pure: values in, values out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from synkron.ledger.keys import idempotency_key
from synkron.model import Integration, Occurrences, Source, State


class BackfillOutcome(StrEnum):
    """Whether an occurrence runs, and if not, why not."""

    RUNS = "runs"
    RAN = "ran"
    IN_HAND = "in hand"
    COVERED = "covered"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class RecordedMoment:
    """The ledger's row for a moment; for a merged one, ``cover`` is the catch-up run that covers it.

    ``period`` contains the start of its own period; None if the row stands for many moments and has their period.
    """

    id: int
    source: Source
    state: State
    reason: str
    cover_id: int | None
    cover_state: State | None
    period: tuple[datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class CoveringRun:
    """A run that was not skipped, and the schedule by which its period began."""

    id: int
    state: State
    scheduled_for: datetime
    period_start: datetime
    cron_schedule: str | None
    timezone: str | None


@dataclass(frozen=True, slots=True)
class Planned:
    """An occurrence and what happens to it; ``run_id`` is the run that stands for it, or that runs (again)."""

    installation: UUID
    integration: Integration
    scheduled_for: datetime
    period_start: datetime | None
    fate: BackfillOutcome
    run_id: int | None
    why: str

    @property
    def key(self) -> str:
        """The idempotency key of its run."""
        return idempotency_key(self.installation, self.integration.integration_id, self.scheduled_for)


def fates_of(
    due: Iterable[Occurrences],
    recorded: Mapping[tuple[str, datetime], RecordedMoment],
    covering: Mapping[str, Sequence[CoveringRun]],
    held: Mapping[str, datetime],
    installation: UUID,
) -> Iterator[Planned]:
    """Each occurrence and what happens to it. ``held``: moments of an integration after this one are undecided.

    ``covering`` are the runs of an integration, the oldest first. While its row could not run, nothing was decided: if
    the schedule was the same, that time is in the period of the run after it.
    """
    for one in due:
        row = one.integration
        since = held.get(row.integration_id)
        for moment, start in zip(one.moments, one.starts(), strict=True):
            known = recorded.get((row.integration_id, moment))
            if since is not None and moment > since and known is None:
                why = "it is on hold; catch-up decides it when the hold ends"
                yield Planned(installation, row, moment, start, BackfillOutcome.UNDECIDED, None, why)
            else:
                (begins,) = (known and known.period) or (start,)
                fate = _fate(known) if known else _fate_of_unrecorded(row, moment, covering.get(row.integration_id, ()))
                yield Planned(installation, row, moment, begins, *fate)


def _fate_of_unrecorded(
    row: Integration, moment: datetime, runs: Sequence[CoveringRun]
) -> tuple[BackfillOutcome, int | None, str]:
    schedule = row.cron_schedule, None if row.timezone is None else str(row.timezone)
    after = bisect_right(runs, moment, key=lambda run: run.scheduled_for)
    for run in runs[after : after + 1]:
        if run.period_start < moment and (run.cron_schedule, run.timezone) == schedule:
            return _covered(run.id, run.state)
    return BackfillOutcome.RUNS, None, "the ledger has no record of it"


def _covered(by: int, state: State) -> tuple[BackfillOutcome, int | None, str]:
    if state is State.FAILED:
        return BackfillOutcome.FAILED, by, f"run {by} covers it and failed; retry that"
    return BackfillOutcome.COVERED, by, f"run {by} covers it and {_has(state)}"


def _fate(known: RecordedMoment) -> tuple[BackfillOutcome, int | None, str]:
    match known.state:
        case State.SUCCEEDED:
            return BackfillOutcome.RAN, known.id, f"run {known.id} succeeded"
        case State.CLAIMED | State.RUNNING:
            return BackfillOutcome.IN_HAND, known.id, f"run {known.id} is {known.state}"
        case State.FAILED:
            return BackfillOutcome.FAILED, known.id, f"run {known.id} failed; retry it"
    if known.cover_id is not None and known.cover_state is not None:
        return _covered(known.cover_id, known.cover_state)
    # A skipped run of an earlier backfill is run again, because a moment can't have a second backfill run.
    again = known.id if known.source is Source.BACKFILL else None
    return BackfillOutcome.RUNS, again, known.reason


def _has(state: State) -> str:
    return "succeeded" if state is State.SUCCEEDED else f"is {state}"
