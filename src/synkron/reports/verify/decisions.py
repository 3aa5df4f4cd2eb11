"""What is wrong with a row of the ledger, compared with its tick, key, schedule and the row it was decided from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from synkron.cron import Cron
from synkron.ledger.keys import is_key_of
from synkron.model import Action, Source
from synkron.reports.verify.basis import Basis, schedule_of
from synkron.reports.verify.evidence import LiveRow, RecordedDecision

MONTH = timedelta(days=30)
NEVER = datetime.min.replace(tzinfo=UTC)


def against_itself(one: RecordedDecision, row: LiveRow | None, basis: Basis) -> list[str]:
    """What disagrees between the decision and what it was made from: its tick, and ``row``, if that still exists."""
    wrong = []
    if not is_key_of(one.key, basis.installations, one.integration_id, one.source, one.scheduled_for):
        wrong.append(f"its key, {one.key}, does not match its integration and moment")
    if not one.fits_tick:
        wrong.append(f"its tick was at another time, or could not have decided it as {one.source}")
    if not one.is_from_tick:
        return wrong
    if not one.has_tick:
        wrong.append(f"decided by {one.source}, but its tick is not on record")
    if row is not None and (difference := _against_row(one, row, basis)):
        wrong.append(difference)
    return wrong


def against_schedule(one: RecordedDecision, basis: Basis) -> tuple[str | None, str | None]:
    """What disagrees with the schedule on record; and what disagrees unless the period continues the one before.

    A period begins where the integration's last decided one ended. That is usually the schedule's previous moment.
    """
    if one.cron_schedule is None or not one.decides:
        return None, None
    moments = basis.moments(one.cron_schedule, one.timezone)
    if moments is not None and one.period_start == moments.get(one.scheduled_for, NEVER) and one.occurrences == 1:
        return None, None
    schedule = schedule_of(one.cron_schedule, one.timezone)
    written = f'"{one.cron_schedule}" in {one.timezone or "UTC"}'
    if moments is None or schedule is None:
        return f"decided by {written}, which can't be read", None
    if one.scheduled_for not in moments:
        return f"decided by {written}, which does not fire then", None
    if one.action == Action.EXPIRE:
        return _count_fault(one, *schedule), None
    if one.action == Action.RUN and one.is_from_tick:
        return None, _start_fault(one, *schedule, written)
    return None, None


def _against_row(one: RecordedDecision, row: LiveRow, basis: Basis) -> str | None:
    """How it differs from the row. Only a row that provably has not changed since is compared."""
    said = (one.org_id, one.integration_type, one.cron_schedule, one.timezone)
    stands = (row.org_id, row.integration_type, row.cron_schedule, row.timezone)
    if said == stands or not basis.stood(row, one.scheduled_for, one.claimed_at):
        return None
    differ = [
        f"{name} {its}, not {mine}"
        for name, mine, its in zip(("organization", "type", "schedule", "zone"), said, stands, strict=True)
        if mine != its
    ]
    return f"its row, unchanged since before the decision, has {', '.join(differ)}"


def _start_fault(one: RecordedDecision, cron: Cron, zone: tzinfo, written: str) -> str | None:
    """What is wrong with the start of a run's period; that of a catch-up run includes what was missed."""
    if one.source == Source.SCHEDULE:
        return f"its period does not begin at the previous moment of {written}"
    if one.period_start is None or cron.matches(one.period_start, zone):
        return None
    return f"its period does not begin at a moment of {written}"


def _count_fault(one: RecordedDecision, cron: Cron, zone: tzinfo) -> str | None:
    """Whether it stands for the right number of moments: at most those of its period, at least those of its tick."""
    start, least_from = one.period_start, one.ticked_from
    if start is not None and _count(cron, zone, start, one.scheduled_for, one.occurrences) < one.occurrences:
        return f"it stands for {one.occurrences} moments, but its period has fewer"
    if least_from is not None:
        least_from = max(least_from, start or least_from)
        if _count(cron, zone, least_from, one.scheduled_for, one.occurrences) > one.occurrences:
            return f"it stands for {one.occurrences} moments, but its tick had more to decide"
    return None


def _count(cron: Cron, zone: tzinfo, start: datetime, end: datetime, enough: int) -> int:
    """How many moments are after the start, up to the end; counting stops above ``enough``."""
    count = 0
    while start < end and count <= enough:
        stop = min(end, start + MONTH)
        count += len(cron.occurrences(start, stop, zone))
        start = stop
    return count
