"""What fires and when, in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from synkron.source.upcoming import Upcoming


@dataclass(frozen=True, slots=True)
class Fire:
    """A moment at which an integration's schedule fires; ``timezone`` is UTC where its organization has none."""

    scheduled_for: datetime
    org_id: str
    integration_id: str
    integration_type: str
    cron_schedule: str | None
    timezone: str


def fire(one: Upcoming) -> Fire:
    """What fires."""
    row = one.integration
    return Fire(
        one.scheduled_for,
        row.org_id,
        row.integration_id,
        row.integration_type,
        row.cron_schedule,
        zone_name(row.timezone),
    )


def zone_name(timezone: object) -> str:
    """An organization's zone as people and programs are told it."""
    return "UTC" if timezone in (None, "") else str(timezone)
