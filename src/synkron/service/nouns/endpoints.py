"""The health of a vendor's endpoint, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.vendors.endpoints import Endpoint
from synkron.vendors.health import Verdict
from synkron.vendors.store import Hour


@dataclass(frozen=True, slots=True)
class HourFacts:
    """How many contacts of an hour had each finding, and how many were probes."""

    hour: datetime
    healthy: int
    degraded: int
    unreachable: int
    unauthorized: int
    throttled: int
    probes: int


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """How an endpoint is, how that is known, and what may be spent on probes. Its ``interval_s`` is in seconds."""

    endpoint: str
    integration_types: tuple[str, ...]
    in_settings: bool
    verdict: Verdict
    reason: str | None
    since: datetime | None
    known_by: str | None
    sampled_at: datetime | None
    is_passive: bool
    passive_until: datetime | None
    failed_probes: int
    probed_at: datetime | None
    next_probe_at: datetime | None
    interval_s: int | None
    probes_this_month: int
    counted_this_month: int
    most_probes: int | None
    allowance: int | None
    hours: Sequence[HourFacts]


def endpoint_facts(one: Endpoint) -> EndpointFacts:
    """The endpoint for programs."""
    health, watch = one.health, one.watch
    return EndpointFacts(
        endpoint=watch.endpoint,
        integration_types=watch.integration_types,
        in_settings=one.in_settings,
        verdict=health.verdict,
        reason=health.reason or None,
        since=health.since if one.known else None,
        known_by=health.known_by,
        sampled_at=health.sampled_at,
        is_passive=one.is_passive,
        passive_until=one.passive_until,
        failed_probes=health.failures,
        probed_at=health.probed_at,
        next_probe_at=one.next_probe,
        interval_s=round(watch.interval.total_seconds()) if watch.probes else None,
        probes_this_month=one.known.probes if one.known else 0,
        counted_this_month=one.known.counted if one.known else 0,
        most_probes=watch.most_probes,
        allowance=watch.allowance,
        hours=[_hour(hour) for hour in one.hours],
    )


def _hour(one: Hour) -> HourFacts:
    counts = {verdict.value: count for verdict, count in one.findings.items()}
    return HourFacts(one.hour, probes=one.probes, **counts)
