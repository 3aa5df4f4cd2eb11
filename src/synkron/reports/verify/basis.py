"""What a verification starts from."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from synkron.cron import Cron
from synkron.model import Window
from synkron.reports.verify.evidence import LiveRow
from synkron.reports.verify.invalid_rows import InvalidRows
from synkron.reports.verify.ticks import TickHistory, full_transaction
from synkron.source.parsed_texts import KNOWN

LATE = timedelta(minutes=5)
# How many moments of all schedules are kept in memory: about 50 MB.
MEMO_LIMIT = 500_000

Moments = Mapping[datetime, datetime | None]


@dataclass(slots=True)
class Basis:
    """The window to verify, what the ticks saw, the time now, and the ids from which keys derive.

    ``invalid_rows`` are those that incidents name.
    ``has_zones`` is whether organizations have a zone; if not, an organization's row does not affect its schedules.
    ``is_strict`` reports what was not delivered as findings. Integrations with the same schedule share its moments.
    """

    window: Window
    ticks: TickHistory
    now: datetime
    types: Container[str]
    installations: Sequence[UUID]
    _: KW_ONLY
    next_transaction: int = 1 << 32
    has_zones: bool = True
    late_after: timedelta = LATE
    is_strict: bool = False
    invalid_rows: InvalidRows = field(default_factory=InvalidRows)
    _known: dict[tuple[str, str | None], Moments | None] = field(default_factory=dict, init=False)
    _remembered: int = field(default=0, init=False)

    def moments(self, cron_schedule: str, timezone: str | None) -> Moments | None:
        """The moments of the window, oldest first, each with the schedule's previous moment; None if unreadable."""
        try:
            return self._known[cron_schedule, timezone]
        except KeyError:
            return self._remember(cron_schedule, timezone)

    def owed(self, row: LiveRow) -> Moments | None:
        """The moments of the row if it never changed; None if they can't be known.

        A zone that is text of digits is invalid, although the ledger writes a zone in minutes as digits.
        """
        if not row.organization_exists or not (row.zone_is_number or isinstance(KNOWN.zone(row.timezone), tzinfo)):
            return None
        return self.moments(row.cron_schedule, row.timezone)

    def stood(self, row: LiveRow, moment: datetime, decided_at: datetime | None = None) -> bool:
        """Whether the row and its organization's zone provably have not changed since the moment was to be decided.

        With ``decided_at``, since it was decided then: an edit in the half-minute between the two is a change.
        """
        at_first = decided_at is not None
        seen = row.updated_at is not None and row.updated_at < min(decided_at or moment, moment)
        return (seen or self._saw(row.written, moment, at_first=at_first)) and (
            not self.has_zones or self._saw(row.zone_written, moment, at_first=at_first)
        )

    def _saw(self, written: int | None, moment: datetime, *, at_first: bool) -> bool:
        return self.ticks.saw(moment, full_transaction(written, self.next_transaction), at_first=at_first)

    def _remember(self, cron_schedule: str, timezone: str | None) -> Moments | None:
        schedule = schedule_of(cron_schedule, timezone)
        found: dict[datetime, datetime | None] | None = None
        if schedule is not None:
            cron, zone = schedule
            moments = cron.occurrences(self.window.start, self.window.end, zone)
            before = [cron.previous_before(moments[0], zone), *moments[:-1]] if moments else []
            found = dict(zip(moments, before, strict=True))
        if self._remembered > MEMO_LIMIT:
            self._known.clear()
            self._remembered = 0
        self._remembered += len(found or ()) + 1
        self._known[cron_schedule, timezone] = found
        return found


def schedule_of(cron_schedule: str, timezone: str | None) -> tuple[Cron, tzinfo] | None:
    """The parsed expression and zone that the ledger recorded; None if they can't be parsed."""
    cron, zone = KNOWN.expression(cron_schedule), KNOWN.recorded_zone(timezone)
    return (cron, zone) if isinstance(cron, Cron) and isinstance(zone, tzinfo) else None
