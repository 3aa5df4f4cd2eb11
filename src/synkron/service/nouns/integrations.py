"""An integration as its row is now, in JSON."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from synkron.model import Integration
from synkron.service.nouns.explanation import Explanation, explanation
from synkron.service.nouns.fires import zone_name
from synkron.source.check import faults
from synkron.source.due import schedule_of


@dataclass(frozen=True, slots=True)
class IntegrationFacts:
    """A row of the application's table.

    ``fault`` says why it can't run, or could not if it were enabled. ``schedule`` is null where it is invalid, or there
    is none; what it says holds while the row is enabled.
    """

    integration_id: str
    org_id: str
    integration_type: str
    is_enabled: bool
    cron_schedule: str | None
    timezone: str
    updated_at: datetime | None
    fault: str | None
    schedule: Explanation | None


def integration_facts(row: Integration, types: Collection[str], now: datetime) -> IntegrationFacts:
    """The row as it is ``now``, with its schedule explained."""
    return IntegrationFacts(
        integration_id=row.integration_id,
        org_id=row.org_id,
        integration_type=row.integration_type,
        is_enabled=row.is_enabled,
        cron_schedule=row.cron_schedule,
        timezone=zone_name(row.timezone),
        updated_at=row.updated_at,
        fault=next((one.reason for one in faults(row, types)), None),
        schedule=_schedule(row, now),
    )


def _schedule(row: Integration, now: datetime) -> Explanation | None:
    if row.cron_schedule is None:
        return None
    found = schedule_of(row, row.cron_schedule)
    if not isinstance(found, tuple):
        return None
    return explanation(row.cron_schedule, found[0], zone_name(row.timezone), found[1], now)
