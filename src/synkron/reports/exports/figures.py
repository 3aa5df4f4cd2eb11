"""The figures of a report: by type and organization, and by type, the worst first. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from synkron.model import Window
from synkron.reports.exports.coverage import Export, Reason, Stretch

# A period that is not exported has failed, is still open, or else was skipped.
FAILED = frozenset({Reason.FAILED})
OPEN = frozenset({Reason.OPEN, Reason.UNDECIDED, Reason.PAUSED, Reason.INVALID})
# The counts of a line, as every form for programs names them.
COUNTS = ("due", "exported", "failed", "skipped", "open", "invalid")
RANK = {reason: number for number, reason in enumerate(Reason)}


@dataclass(frozen=True)
class Line:
    """What several integrations exported: those of a type, or, with ``org_id``, of a type and an organization."""

    integration_type: str
    org_id: str | None
    exports: Sequence[Export]

    @cached_property
    def missing(self) -> Counter[Reason]:
        """The periods that were due and are not exported, by reason."""
        found: Counter[Reason] = Counter()
        for one in self.exports:
            found.update(one.missing)
        return found

    @cached_property
    def exported(self) -> int:
        """The periods that are exported."""
        return sum(one.exported for one in self.exports)

    @property
    def due(self) -> int:
        """The periods that were due."""
        return self.exported + self.missing.total()

    @property
    def failed(self) -> int:
        """The periods whose run has failed for good."""
        return self._of(FAILED)

    @property
    def open(self) -> int:
        """The periods that may yet be exported without anybody asking for it."""
        return self._of(OPEN)

    @property
    def skipped(self) -> int:
        """The periods that nothing will export unless somebody asks for it."""
        return self.missing.total() - self.failed - self.open

    @property
    def invalid(self) -> int:
        """The integrations that can't run. If their schedule can't be read, none of their periods is counted."""
        return sum(any(one.reason is Reason.INVALID for one in export.uncovered) for export in self.exports)

    @property
    def figures(self) -> dict[str, Any]:
        """All of these by their names, for programs."""
        reasons = {reason.value: number for reason, number in self.missing.items()}
        counts = {name: getattr(self, name) for name in COUNTS}
        return {"integration_type": self.integration_type, **counts, "reasons": reasons, "is_whole": self.is_whole}

    @cached_property
    def uncovered(self) -> Sequence[Stretch]:
        """The time that no successful export covers, in order."""
        return sorted((one for export in self.exports for one in export.uncovered), key=lambda one: one.window.start)

    @cached_property
    def uncovered_time(self) -> timedelta:
        """Its length, added up over the integrations."""
        return sum((one.window.end - one.window.start for one in self.uncovered), timedelta())

    @property
    def is_whole(self) -> bool:
        """Whether everything that was due is exported."""
        return not self.missing and not self.uncovered

    def covers(self, window: Window) -> bool:
        """Whether each integration's exports cover the window from end to end."""
        return all(list(one.covered) == [window] for one in self.exports)

    @property
    def order(self) -> tuple[int, int, timedelta, str, str]:
        """The worst first: by the worst reason, how often, for how long."""
        reasons = [*self.missing, *(one.reason for one in self.uncovered)]
        worst = min(reasons, key=RANK.__getitem__, default=None)
        often = 0 if worst is None else -self.missing[worst]
        rank = len(RANK) if worst is None else RANK[worst]
        return rank, often, -self.uncovered_time, self.integration_type, self.org_id or ""

    def _of(self, reasons: Iterable[Reason]) -> int:
        return sum(self.missing[reason] for reason in reasons)


@dataclass(frozen=True)
class ExportReport:
    """What was exported in the window, which ends at ``now`` at the latest.

    ``watermark`` is up to where everything is decided, ``recorded_since`` where the ticks on record begin; None if no
    scheduler has ever ticked.
    """

    window: Window
    now: datetime
    watermark: datetime | None
    recorded_since: datetime | None
    exports: Sequence[Export]

    @property
    def is_known(self) -> bool:
        """Whether there are records of any of its time: nobody can say what was due before them."""
        return self.recorded_since is not None and self.recorded_since < self.window.end

    @cached_property
    def lines(self) -> Sequence[Line]:
        """By type and organization, the worst first."""
        return _lines(self.exports, lambda one: one.org_id)

    @cached_property
    def types(self) -> Sequence[Line]:
        """By type, the worst first."""
        return _lines(self.exports, lambda _: None)

    @cached_property
    def faults(self) -> Sequence[Line]:
        """The lines of which not everything is exported."""
        return [line for line in self.lines if not line.is_whole]


def _lines(exports: Iterable[Export], org_id: Callable[[Export], str | None]) -> list[Line]:
    grouped: dict[tuple[str, str | None], list[Export]] = defaultdict(list)
    for one in exports:
        grouped[one.integration_type, org_id(one)].append(one)
    return sorted((Line(*key, alike) for key, alike in grouped.items()), key=lambda line: line.order)
