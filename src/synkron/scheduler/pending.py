"""What a tick has to decide: what is due, what is no longer on hold, and the policies for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from synkron.ledger import claims
from synkron.ledger.decided import DecidedMoment
from synkron.ledger.ticks import TickFigures
from synkron.model import Decision, Fault, Integration, InvalidIntegration, Occurrences, Steps, Window
from synkron.postgres.connection import Connection
from synkron.runtime import by_turns
from synkron.scheduler.holds import (
    Released,
    drop_gone,
    hold,
    read_held,
    read_pauses,
    read_released,
    read_snapshot,
    release,
)
from synkron.scheduler.pauses import Hold, split_by_pause
from synkron.scheduler.plans import pg_cron_has_claimed
from synkron.scheduler.policies import read_policies
from synkron.scheduler.undecided import split_by_record
from synkron.settings.load import Settings
from synkron.settings.policy import Policies
from synkron.source.due import occurrences_in_steps
from synkron.source.queries import SourceQueries
from synkron.source.reader import read_window

MINUTE = timedelta(minutes=1)
# The faults that may be corrected without an edit of the row: another scheduler may know the type, and an organization
# may be added after its integrations. Until then the moments are on hold, as under a pause.
WAITING = {Fault.TYPE: Hold.TYPE, Fault.ORGANIZATION: Hold.ORGANIZATION}


@dataclass(frozen=True, slots=True)
class PendingWork:
    """``due`` is decided under ``policies``; ``held``, which is paused, and ``waiting`` are not.

    ``merged`` are the decisions about moments in the period of a run that was claimed before. ``seen`` counts the due
    moments; a replay also counts those that were decided before.
    ``released`` was on hold, and is due now. ``waiting`` are invalid rows, each with its moments and the reason of its
    hold, which begins at the first undecided moment.
    """

    due: list[Occurrences]
    merged: list[Decision]
    held: list[Occurrences]
    waiting: list[tuple[str, Sequence[datetime], Hold]]
    released: list[Released]
    invalid: list[InvalidIntegration]
    policies: Policies
    snapshot: str
    seen: int

    @property
    def figures(self) -> TickFigures:
        """The figures for the tick's row."""
        return TickFigures(self.seen, len(self.invalid), self.snapshot)

    def first(self, window: Window) -> datetime:
        """The earliest moment for which the ledger needs a partition."""
        return min([window.start, *(one.since for one in self.released)])

    def without(self, failed: Sequence[InvalidIntegration]) -> PendingWork:
        """The same, without these, which could not be decided: what is on hold of them stays on hold."""
        ids = {one.integration_id for one in failed}
        released = [one for one in self.released if one.integration.integration_id not in ids]
        return replace(self, released=released, invalid=[*self.invalid, *failed])


async def read_pending(
    connection: Connection,
    window: Window,
    source: SourceQueries,
    settings: Settings,
    now: datetime,
    *,
    decided_until: datetime,
    oldest: datetime,
    replayed: bool,
) -> PendingWork:
    """Read it in the caller's secured transaction, which has locked the watermark, ``decided_until``.

    Moments before ``oldest`` are no longer decided. Everything that became undecided during a hold is decided together
    when the hold ends, so that one catch-up run can cover it; no part of it is decided earlier, or by a replay.
    """
    snapshot = await read_snapshot(connection)
    read = await read_window(connection, window, source, settings.types)
    ended = [] if replayed else await read_released(connection, now, oldest, source)
    released, after_holds, invalid = await by_turns(_judge_released(ended, window.end, settings.types))
    due = {one.integration.integration_id: one for one in read.due} | after_holds
    undecided = (await read_held(connection, due)).keys() - after_holds.keys()
    pauses = [] if replayed else await read_pauses(connection, now)
    free, held = split_by_pause((one for key, one in due.items() if key not in undecided), pauses, now)
    held += [due[key] for key in undecided]
    unfiltered, merged = free, list[Decision]()
    # Later moments may be decided already if the clock was set back (a hold may have begun then) or pg_cron claimed.
    is_behind = window.end <= decided_until or await pg_cron_has_claimed(connection, window.start)
    again = [one for one in free if is_behind or one.integration.integration_id in after_holds]
    # An ordinary tick has none of these, and walks its rows no further time.
    if decided := await claims.decided(connection, again):
        free, merged = await by_turns(_without_decided(free, decided, now))
    seen = _count(unfiltered) if replayed else len(merged) + _count(free)
    free = await claims.continued(connection, free)
    policies = await read_policies(connection, settings.policies, [one.integration for one in free])
    waiting = [] if replayed else _waiting(read.invalid, window)
    # A row on hold counts as invalid all the time, not only in the minutes in which it is due.
    known = {one.integration_id for one in read.invalid}
    faulty = [*read.invalid, *(one for one in invalid if one.integration_id not in known)]
    return PendingWork(free, merged, held, waiting, released, faulty, policies, snapshot, seen + _count(held))


async def write_holds(
    connection: Connection, pending: PendingWork, number: int, oldest: datetime, source: SourceQueries
) -> None:
    """Record new holds, and delete those whose moments the caller's transaction decides, or nobody will.

    The ``number`` is the tick's; moments before ``oldest`` are no longer decided.
    """
    await release(connection, pending.released)
    await drop_gone(connection, number, oldest, source)
    paused = [(one.integration.integration_id, one.moments, Hold.PAUSE) for one in pending.held]
    await hold(connection, [*paused, *pending.waiting])


def _judge_released(
    ended: Sequence[Released], end: datetime, types: Collection[str]
) -> Steps[tuple[list[Released], dict[str, Occurrences], list[InvalidIntegration]]]:
    """The rows that are no longer on hold, what they missed meanwhile, and the invalid rows, which stay on hold.

    Rows that are on hold since the same moment share the work.
    """
    alike: dict[datetime, list[Integration]] = defaultdict(list)
    for one in ended:
        alike[one.since].append(one.integration)
    due: dict[str, Occurrences] = {}
    invalid: dict[str, InvalidIntegration] = {}
    for since, rows in alike.items():
        occurrences, faulty = yield from occurrences_in_steps(rows, Window(since, end), types)
        due |= {one.integration.integration_id: one for one in occurrences}
        invalid |= {one.integration_id: one for one in faulty}
    released = [one for one in ended if one.integration.integration_id not in invalid]
    return released, due, list(invalid.values())


def _count(due: Iterable[Occurrences]) -> int:
    return sum(len(one.moments) for one in due)


def _without_decided(
    due: Iterable[Occurrences], decided: Mapping[str, Sequence[DecidedMoment]], now: datetime
) -> Steps[tuple[list[Occurrences], list[Decision]]]:
    """The undecided parts of what is due, and the decisions about moments in the period of a run."""
    parts: list[Occurrences] = []
    merged: list[Decision] = []
    for one in due:
        if known := decided.get(one.integration.integration_id):
            some, covered = split_by_record(one, known, now)
            parts += some
            merged += covered
        else:
            parts.append(one)
        yield
    return parts, merged


def _waiting(invalid: Iterable[InvalidIntegration], window: Window) -> list[tuple[str, Sequence[datetime], Hold]]:
    """The rows that can't run for now, with their moments; if the zone is unknown, any minute may be one."""
    first = window.start.replace(second=0, microsecond=0) + MINUTE
    any_minute = [moment for moment in (first, first + MINUTE) if moment <= window.end]
    return [
        (one.integration_id, any_minute if one.due is None else one.due.moments, WAITING[one.fault])
        for one in invalid
        if one.fault in WAITING
    ]
