"""One integration: what should have run, against what the ledger says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from synkron.cron import Cron
from synkron.due import KNOWN, misplaced, schedule_of
from synkron.model import Action, InvalidIntegration, Source, State, Window
from synkron.verify.doubled import doubled
from synkron.verify.evidence import Finding, Kind, Recorded, Standing
from synkron.verify.sight import Sight

LATE = timedelta(minutes=5)
# How many moments are remembered, of all schedules together: about 50 MB.
MEMO_LIMIT = 500_000

Moments = Mapping[datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of one integration's occurrences.

    ``held`` by a pause and ``unprovable`` ones (nothing shows that they were due) are undecided, and no findings;
    ``invalid`` is why the row can't be fired as it stands; ``uncovered`` ones were merged into a run that was skipped.
    """

    occurrences: int
    held: int
    unprovable: int
    failed: int
    findings: list[Finding]
    invalid: InvalidIntegration | None = None
    uncovered: int = 0


class Basis:
    """What a verification goes by: the window that was to be decided, what the ticks saw, and the time it is.

    Integrations with the same schedule share its moments.
    """

    def __init__(
        self, window: Window, sight: Sight, now: datetime, types: Collection[str], *, late_after: timedelta = LATE
    ) -> None:
        self.window = window
        self.sight = sight
        self.now = now
        self.types = types
        self.late_after = late_after
        self._known: dict[tuple[Cron, tzinfo], Moments] = {}
        self._remembered = 0

    def moments(self, cron: Cron, zone: tzinfo) -> Moments:
        """The moments of the window, oldest first, each with the schedule's moment before it."""
        if (cron, zone) in self._known:
            return self._known[cron, zone]
        moments = cron.occurrences(self.window.start, self.window.end, zone)
        before = [cron.previous_before(moments[0], zone), *moments[:-1]] if moments else []
        if self._remembered > MEMO_LIMIT:
            self._known.clear()
            self._remembered = 0
        self._remembered += len(moments)
        found = self._known[cron, zone] = dict(zip(moments, before, strict=True))
        return found


def examine(standing: Standing | None, recorded: Sequence[Recorded], basis: Basis) -> Examined:
    """Compare the row as it stands, if it does, with what the ledger has of it, oldest first.

    ``recorded`` holds the rows of the window, those after it whose period reaches into it, and the runs from before it
    that had not ended when it began.
    """
    within = [one for one in recorded if basis.window.start < one.scheduled_for <= basis.window.end]
    findings = [
        finding for number, one in enumerate(within) for finding in _faults(one, _begins(within, number, basis), basis)
    ]
    findings += _late(recorded, basis)
    lost, uncovered = _undelivered_merges(recorded, basis)
    findings += lost
    findings += doubled(within)
    occurrences = sum(one.occurrences for one in within)
    failed = sum(one.state == State.FAILED for one in within)
    moments = _moments_of(standing, basis)
    if isinstance(moments, InvalidIntegration):
        return Examined(occurrences, 0, 0, failed, findings, moments, uncovered)
    if standing is None:
        return Examined(occurrences, 0, 0, failed, findings, uncovered=uncovered)
    undecided = _undecided(moments, recorded)
    held, unprovable = 0, 0
    for moment in undecided:
        if standing.held_since is not None and standing.held_since < moment:
            held += 1
        elif finding := _why_undecided(moment, standing, within, basis):
            findings.append(finding)
        else:
            unprovable += 1
    return Examined(occurrences + len(undecided), held, unprovable, failed, findings, uncovered=uncovered)


def _moments_of(standing: Standing | None, basis: Basis) -> Moments | InvalidIntegration:
    """When the row should have fired, had it always stood as it does."""
    row = None if standing is None else standing.integration
    if row is None or not row.is_enabled or row.cron_schedule is None:
        return {}
    schedule = schedule_of(row, row.cron_schedule)
    return (
        schedule
        if isinstance(schedule, InvalidIntegration)
        else misplaced(row, basis.types) or basis.moments(*schedule)
    )


def _undecided(moments: Moments, recorded: Sequence[Recorded]) -> list[datetime]:
    """The moments that no row of the ledger stands for, oldest first."""
    missing = moments.keys() - {one.scheduled_for for one in recorded if one.decides}
    summaries = [one for one in recorded if one.occurrences > 1] if missing else []
    return sorted(
        moment
        for moment in missing
        if not any(
            (one.period_start is None or one.period_start < moment) and moment <= one.scheduled_for for one in summaries
        )
    )


def _why_undecided(moment: datetime, standing: Standing, recorded: Sequence[Recorded], basis: Basis) -> Finding | None:
    """What is wrong with it, as far as it can be proven that the row stood as it does when it was to be decided."""
    row = standing.integration
    stood = basis.sight.saw(moment, standing.written) or (row.updated_at is not None and row.updated_at < moment)
    if stood and basis.sight.saw(moment, standing.zone_written):
        kind, message = Kind.MISSED, f'"{row.cron_schedule}" fires and a tick saw the row, yet nothing was decided'
    elif any(
        one.scheduled_for < moment and (one.cron_schedule, one.timezone) == (row.cron_schedule, _written(row.timezone))
        for one in recorded
        if one.is_from_tick
    ):
        kind = Kind.UNEXPLAINED
        message = "decided before by the same schedule, and not this time: disabled or edited for a while, or missed"
    else:
        return None
    return Finding(kind, moment, message, row.integration_id, row.org_id, row.integration_type)


def _begins(rows: Sequence[Recorded], number: int, basis: Basis) -> bool:
    """Whether the period of that row begins where the one that was decided before it ended, as far as can be seen.

    A run that was skipped may have been superseded, and does not count then; nor does what was decided later.
    """
    one = rows[number]
    for before in reversed(rows[:number]):
        if not before.is_from_tick or before.action == Action.MERGE:
            continue
        if one.period_start == before.scheduled_for:
            return True
        if before.claimed_at <= one.claimed_at and (before.action != Action.RUN or before.state != State.SKIPPED):
            return False
    return one.period_start is not None and one.period_start <= basis.window.start


def _faults(one: Recorded, begins: bool, basis: Basis) -> Iterator[Finding]:
    """What is wrong with a row of the ledger by itself; ``begins`` is whether its period is known to begin rightly."""
    if one.is_from_tick and not one.has_tick:
        yield one.finding(Kind.UNEXPLAINED, f"decided by {one.source}, and its tick is not on record")
    if one.cron_schedule is not None and one.decides:
        yield from _schedule_faults(one, one.cron_schedule, begins, basis)


def _schedule_faults(one: Recorded, cron_schedule: str, begins: bool, basis: Basis) -> Iterator[Finding]:
    """Whether the row fits the schedule that it says it was decided by."""
    cron, zone = KNOWN.expression(cron_schedule), KNOWN.recorded_zone(one.timezone)
    written = f'"{cron_schedule}" in {one.timezone or "UTC"}'
    if not isinstance(cron, Cron) or not isinstance(zone, tzinfo):
        yield one.finding(Kind.UNEXPLAINED, f"decided by {written}, which can't be read")
        return
    moments = basis.moments(cron, zone)
    start = one.period_start
    if one.scheduled_for not in moments:
        yield one.finding(Kind.UNEXPLAINED, f"decided by {written}, which does not fire then")
    elif one.action != Action.RUN or not one.is_from_tick or begins:
        return
    elif one.source == Source.SCHEDULE and start != moments[one.scheduled_for]:
        yield one.finding(Kind.UNEXPLAINED, f"its period does not begin at the moment before it of {written}")
    elif start is not None and start not in moments and not cron.matches(start, zone):
        yield one.finding(Kind.UNEXPLAINED, f"its period does not begin at a moment of {written}")


def _undelivered_merges(recorded: Sequence[Recorded], basis: Basis) -> tuple[list[Finding], int]:
    """Moments that were merged into a run whose period does not hold them; and how many into one that was skipped."""
    merged = [one for one in recorded if one.action == Action.MERGE and one.scheduled_for <= basis.window.end]
    if not merged:
        return [], 0
    runs = [one for one in recorded if one.action == Action.RUN and one.source == Source.CATCH_UP]
    backfilled = {one.scheduled_for for one in recorded if one.source == Source.BACKFILL and one.is_delivered}
    lost, uncovered = [], 0
    for one in merged:
        moment = one.scheduled_for
        if moment in backfilled or any(run.is_delivered and _covers(run, moment) for run in runs):
            continue
        if any(_covers(run, moment) for run in runs):
            uncovered += 1
        else:
            lost.append(one.finding(Kind.MISSED, "recorded as merged, and no run's period holds it"))
    return lost, uncovered


def _covers(run: Recorded, moment: datetime) -> bool:
    return (run.period_start is None or run.period_start < moment) and moment < run.scheduled_for


def _late(recorded: Sequence[Recorded], basis: Basis) -> Iterator[Finding]:
    """What started late, or has not yet. Those of an integration and type run one after the other, the oldest first."""
    ends: dict[str, list[datetime]] = {}
    for one in recorded:
        if one.action != Action.RUN:
            continue
        of_older = ends.setdefault(one.integration_type, [])
        if one.is_delivered and basis.window.start < one.scheduled_for <= basis.window.end:
            late = _lateness(one, of_older, basis)
            if late > basis.late_after:
                waits = "started" if one.started_at else "has not started, and could have"
                yield one.finding(Kind.LATE, f"{waits} {round(late.total_seconds() / 60)} min after it could")
        of_older.append(one.finished_at or basis.now)


def _lateness(one: Recorded, ends_of_older: Sequence[datetime], basis: Basis) -> timedelta:
    """How long after it could start it did; spread, pace, catch-up, pauses and older runs are no lateness."""
    if one.started_at is None and one.state != State.CLAIMED:
        return timedelta()
    began = one.started_at or basis.now
    late = began - max(moment for moment in (one.execute_after, one.claimed_at, one.paused_until) if moment is not None)
    for ended in reversed(ends_of_older):
        if late <= basis.late_after:
            break
        # One that ended later was backfilled or retried since, and kept nobody waiting.
        if ended <= began:
            late = min(late, began - ended)
    return late


def _written(timezone: object) -> str | None:
    """A zone as the ledger writes it."""
    return None if timezone is None else str(timezone)
