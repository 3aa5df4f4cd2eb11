"""The health of a vendor's endpoint: what one contact shows, and what is known after it. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """What is known of an endpoint."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


# A run that is due now would fail.
DOWN = frozenset({Verdict.UNREACHABLE, Verdict.THROTTLED})


class Contact(StrEnum):
    """How an endpoint was met: by a run, or by a probe."""

    RUN = "run"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Watch:
    """How one endpoint is watched, for all integration types that go there.

    ``endpoint`` names it: scheme, host, port and path of what is probed, or ``type NAME`` where nothing is. ``probes``
    says whether probes go at all. ``most_probes`` is how many a month may go that the vendor counts, None for no limit.
    ``throttled_codes`` are the vendor's words for "too much", each with the wait where no reset is named.
    """

    endpoint: str
    integration_types: tuple[str, ...]
    probes: bool
    interval: timedelta
    timeout: timedelta
    slow_after: timedelta
    allowance: int | None = None
    most_probes: int | None = None
    throttled_codes: Mapping[str, timedelta] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one contact showed, or several runs that showed the same. ``resets_at`` is what the vendor named."""

    at: datetime
    source: Contact
    finding: Verdict
    reason: str
    contacts: int = 1
    latency: timedelta | None = None
    http_status: int | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint; a row of ``synkron.health``."""

    endpoint: str
    integration_types: tuple[str, ...]
    verdict: Verdict
    reason: str
    known_by: str | None
    since: datetime
    sampled_at: datetime | None = None
    probed_at: datetime | None = None
    next_probe_at: datetime | None = None
    method: str | None = None
    failures: int = 0
    failed_runs: int = 0
    throttles: int = 0
    passive_until: datetime | None = None
