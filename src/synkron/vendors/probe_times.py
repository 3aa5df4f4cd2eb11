"""When a vendor's endpoint is probed next, and why it may not be probed before. Pure: values in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.vendors.health import Health, Watch


@dataclass(frozen=True, slots=True)
class ProbeBlock:
    """Why an endpoint may not be probed, and until when."""

    until: datetime
    reason: str


def next_probe(health: Health, watch: Watch, counted: int, at: datetime) -> datetime | None:
    """When the next probe is sent, as known at that moment; None for never.

    A probe that the vendor counts and that comes before the end of the interval may only use the part of the month's
    share that belongs to the time passed. So a bad night can't spend what the rest of the month needs.
    """
    if not watch.probes:
        return None
    moments = [health.next_probe_at or at, *(one.until for one in probe_blocks(health, watch, counted, at))]
    if watch.most_probes is not None and counted >= watch.most_probes * _gone_by(at) and health.probed_at is not None:
        moments.append(health.probed_at + watch.interval)
    return max(moments)


def probe_blocks(health: Health, watch: Watch, counted: int, at: datetime) -> list[ProbeBlock]:
    """Why no probe may be sent at that moment; ``counted`` is the month's number of probes that the vendor counts."""
    found = []
    if health.passive_until is not None and at < health.passive_until:
        found.append(ProbeBlock(health.passive_until, "the vendor has refused further requests"))
    if health.probed_at is not None and at < health.probed_at + SHORTEST_INTERVAL:
        found.append(ProbeBlock(health.probed_at + SHORTEST_INTERVAL, "the last probe was less than 15 minutes ago"))
    if watch.most_probes is not None and counted >= watch.most_probes:
        found.append(ProbeBlock(next_month(at), f"this month's share of the allowance is spent ({counted} probes)"))
    return found


def next_month(at: datetime) -> datetime:
    """The start of the next month in UTC. The allowance is counted by months in UTC."""
    return (_month(at) + timedelta(days=32)).replace(day=1)


def _month(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _gone_by(at: datetime) -> float:
    """The part of the month that has passed at that moment."""
    return (at - _month(at)) / (next_month(at) - _month(at))
