"""What the demo's view shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.lifecycle import Incident
from synkron.ledger.history import RecordedRun, Totals
from synkron.model import InvalidIntegration
from synkron.source.upcoming import Upcoming
from synkron.vendors.health import Verdict


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the screen shows at one moment.

    ``since`` is when the demo started, ``vendors`` has the verdict of each type's vendor, ``incidents`` are the open
    ones, ``asks_for_help`` shows the help, ``dashboard`` is a link that logs in there once, and ``banner`` replaces the
    last line.
    """

    now: datetime
    since: datetime
    place: str
    names: Mapping[str, str]
    fires: Sequence[Upcoming]
    runs: Sequence[RecordedRun]
    totals: Totals
    invalid: Sequence[InvalidIntegration]
    notes: Sequence[str]
    vendors: Mapping[str, Verdict]
    incidents: Sequence[Incident]
    asks_for_help: bool = False
    dashboard: str = ""
    banner: str | None = None
