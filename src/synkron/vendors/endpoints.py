"""Reads the vendors' endpoints: how each is watched, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.settings.load import Settings
from synkron.vendors import store
from synkron.vendors.health import Health, Verdict, Watch, is_passive
from synkron.vendors.probe_times import next_probe
from synkron.vendors.store import EndpointState, Hour
from synkron.vendors.watches import watches_of

HOURS = 24


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint at the moment ``at``; ``known`` is None before anything looked at it. ``hours`` are the last 24.

    One that is not ``in_settings`` is watched by a process with others, or was, at most a day ago.
    """

    watch: Watch
    in_settings: bool
    known: EndpointState | None
    hours: Sequence[Hour]
    at: datetime

    @property
    def health(self) -> Health:
        """How it is; unknown before anything looked at it."""
        return self.known.health if self.known else Health(self.watch.endpoint, (), Verdict.UNKNOWN, "", None, self.at)

    @property
    def next_probe(self) -> datetime | None:
        """When the next probe goes; None for never."""
        return next_probe(self.health, self.watch, self.known.counted if self.known else 0, self.at)

    @property
    def is_passive(self) -> bool:
        """Whether only runs show its health now."""
        return is_passive(self.health, self.watch, self.at)

    @property
    def passive_until(self) -> datetime | None:
        """Until when its vendor refuses probes; None if it does not."""
        until = self.health.passive_until
        return until if until and until > self.at else None


async def read_endpoints(connection: Connection, settings: Settings, kind: str | None = None) -> list[Endpoint]:
    """The endpoints of the settings, and those that other processes watch; only of a type, if given."""
    watches = watches_of(settings)
    named = {watch.endpoint for watch in watches}
    # Another process may have other settings, as the demo has.
    watches += tuple(_of_another(one) for one in await store.read_all(connection) if one.endpoint not in named)
    at = await database_clock(connection)
    known = await store.read_known(connection, watches, at)
    hours = await store.read_hours(connection, watches, first_hour(at))
    return [
        Endpoint(watch, watch.endpoint in named, known.get(watch.endpoint), hours[watch.endpoint], at)
        for watch in watches
        if kind is None or kind in watch.integration_types
    ]


def first_hour(at: datetime) -> datetime:
    """When the first of the last 24 hours begins; the last one is that of the moment."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)


def _of_another(known: Health) -> Watch:
    """How an endpoint is watched that these settings do not name, as far as its row tells."""
    return Watch(
        known.endpoint,
        known.integration_types,
        probes=known.next_probe_at is not None,
        interval=SHORTEST_INTERVAL,
        timeout=timedelta(seconds=10),
        slow_after=timedelta(seconds=5),
    )
