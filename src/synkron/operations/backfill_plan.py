"""What a backfill does with each occurrence of its range. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    held: Mapping[str, datetime],
    installation: UUID,
) -> Iterator[Planned]:
    """Each occurrence and what happens to it. ``held``: moments of an integration after this one are undecided."""
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
                yield Planned(installation, row, moment, begins, *_fate(known))


def _fate(known: RecordedMoment | None) -> tuple[BackfillOutcome, int | None, str]:
    if known is None:
        return BackfillOutcome.RUNS, None, "the ledger has no record of it"
    match known.state:
        case State.SUCCEEDED:
            return BackfillOutcome.RAN, known.id, f"run {known.id} succeeded"
        case State.CLAIMED | State.RUNNING:
            return BackfillOutcome.IN_HAND, known.id, f"run {known.id} is {known.state}"
        case State.FAILED:
            return BackfillOutcome.FAILED, known.id, f"run {known.id} failed: synkron runs retry {known.id}"
    if known.cover_id is not None and known.cover_state is State.FAILED:
        return (
            BackfillOutcome.FAILED,
            known.cover_id,
            f"run {known.cover_id} covers it and failed: synkron runs retry {known.cover_id}",
        )
    if known.cover_id is not None and known.cover_state is not State.SKIPPED:
        return BackfillOutcome.COVERED, known.cover_id, f"run {known.cover_id} covers it and {_has(known.cover_state)}"
    # A skipped run of an earlier backfill is run again, because a moment can't have a second backfill run.
    again = known.id if known.source is Source.BACKFILL else None
    return BackfillOutcome.RUNS, again, known.reason


def _has(state: State | None) -> str:
    return "succeeded" if state is State.SUCCEEDED else f"is {state}"
