"""When a vendor's endpoint is probed next, and what keeps a probe from going. Pure: values in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.vendors.health import Health, Watch


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps probes of an endpoint from going, and until when."""

    until: datetime
    reason: str


def next_probe(health: Health, watch: Watch, counted: int, at: datetime) -> datetime | None:
    """When the next probe goes, as things stand at that moment; None where none ever does.

    One that the vendor counts, and that comes sooner than the interval asks for, must find room in the part of the
    month's share that has gone by: a bad night must not spend what the rest of the month needs.
    """
    if not watch.probes:
        return None
    moments = [health.next_probe_at or at, *(one.until for one in obstacles(health, watch, counted, at))]
    if watch.most_probes is not None and counted >= watch.most_probes * _gone_by(at) and health.probed_at is not None:
        moments.append(health.probed_at + watch.interval)
    return max(moments)


def obstacles(health: Health, watch: Watch, counted: int, at: datetime) -> list[Obstacle]:
    """What keeps every probe from going at that moment; ``counted`` is how many of the month the vendor counted."""
    found = []
    if health.passive_until is not None and at < health.passive_until:
        found.append(Obstacle(health.passive_until, "the vendor has had enough of requests"))
    if health.probed_at is not None and at < health.probed_at + SHORTEST_INTERVAL:
        found.append(Obstacle(health.probed_at + SHORTEST_INTERVAL, "a probe went less than 15 minutes ago"))
    if watch.most_probes is not None and counted >= watch.most_probes:
        found.append(Obstacle(next_month(at), f"the month's share of the allowance is spent ({counted} probes)"))
    return found


def next_month(at: datetime) -> datetime:
    """When the month after that moment begins, in UTC, by which the allowance is counted."""
    return (_month(at) + timedelta(days=32)).replace(day=1)


def _month(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _gone_by(at: datetime) -> float:
    """What part of its month has gone by at that moment."""
    return (at - _month(at)) / (next_month(at) - _month(at))
