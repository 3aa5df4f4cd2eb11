"""What may be wrong: the kinds of conditions, and a condition that is true now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias


class IncidentKind(StrEnum):
    """What an incident is about."""

    DRIFT = "drift"
    RUN_FAILED = "run_failed"
    UNHEALTHY = "unhealthy"
    THROTTLED = "throttled"
    INVALID_SCHEDULE = "invalid_schedule"
    UNKNOWN_ZONE = "unknown_zone"
    UNKNOWN_TYPE = "unknown_type"
    NO_ORGANIZATION = "no_organization"
    INVALID_ROW = "invalid_row"
    TICK_GAP = "tick_gap"
    COLD_START = "cold_start"
    PROBE_ALLOWANCE = "probe_allowance"
    MOMENTS_EXPIRED = "moments_expired"
    TZDATA_DIFFERS = "tzdata_differs"
    VERIFICATION_FAILED = "verification_failed"
    INTERNAL_FAULT = "internal_fault"


Key: TypeAlias = tuple[IncidentKind, str]


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now, and that an operator is told.

    ``subject`` distinguishes conditions of a kind, and stays the same while one lasts. ``title`` is one line;
    ``detail`` (also one line, unless many are joined) says what is wrong, since when and who is affected; ``remedy``
    says what to do. ``org_id``, ``integration_type`` and ``endpoint`` are what it is about, None if it is about
    several. ``touches`` holds JSON: ``organizations`` (at most 20 ids), ``organizations_total``, and counts such as
    ``runs``.
    """

    kind: IncidentKind
    subject: str
    title: str
    detail: str
    remedy: str
    since: datetime
    org_id: str | None = None
    integration_type: str | None = None
    endpoint: str | None = None
    touches: Mapping[str, object] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What identifies it among all conditions."""
        return self.kind, self.subject

    @property
    def organizations(self) -> tuple[list[str], int]:
        """The ids of the organizations that it names, and how many it is about at least."""
        own = [] if self.org_id is None else [self.org_id]
        named, total = self.touches.get("organizations"), self.touches.get("organizations_total")
        ids = [str(one) for one in named] if named and isinstance(named, list) else own
        return ids, max(total if isinstance(total, int) else 0, len(ids))
