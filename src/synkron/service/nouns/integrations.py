"""An integration, in JSON: at a glance, and its row as it is now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.model import Integration, Source, State
from synkron.reports.overview.rows import EndpointHealth, OverviewRow
from synkron.scheduler.pauses import Hold
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


@dataclass(frozen=True, slots=True)
class LastRun:
    """One of its last runs: how it ended, why it exists, and how long it took."""

    run_id: int
    state: State
    source: Source
    scheduled_for: datetime
    duration: timedelta | None


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What is known of its type's vendor."""

    endpoint: str
    verdict: str
    reason: str | None
    since: datetime | None
    sampled_at: datetime | None


@dataclass(frozen=True, slots=True)
class PauseOver:
    """The pause that it is under."""

    pause_id: int
    reason: str
    author: str
    starts_at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class IntegrationAtAGlance:
    """A row of the application's table, what it says, and what Synkron knows of it. The oldest run is first.

    ``described`` is the schedule in words, null where it is invalid. ``next_fire`` is null if it does not fire; while
    it is paused, its moments are put on hold.
    """

    integration_id: str
    org_id: str
    integration_type: str
    is_enabled: bool
    cron_schedule: str | None
    described: str | None
    timezone: str
    fault: str | None
    next_fire: datetime | None
    pause: PauseOver | None
    held_since: datetime | None
    held_for: Hold | None
    runs: Sequence[LastRun]
    drift_p95: timedelta | None
    vendor: VendorFacts | None


def at_a_glance(one: OverviewRow, *, tells_health: bool) -> IntegrationAtAGlance:
    """The integration. The reason for its vendor's health quotes runs of any organization: tell it who may see them."""
    row, pause = one.integration, one.pause
    return IntegrationAtAGlance(
        integration_id=row.integration_id,
        org_id=row.org_id,
        integration_type=row.integration_type,
        is_enabled=row.is_enabled,
        cron_schedule=row.cron_schedule,
        described=one.cron.describe() if one.cron else None,
        timezone=zone_name(row.timezone),
        fault=one.fault.reason if one.fault else None,
        next_fire=one.next_fire,
        pause=PauseOver(pause.id, pause.reason, pause.author, pause.starts_at, pause.until) if pause else None,
        held_since=one.held_since,
        held_for=one.held_for,
        runs=[LastRun(run.run_id, run.state, run.source, run.scheduled_for, run.duration) for run in one.runs],
        drift_p95=one.drift_p95,
        vendor=_vendor(one.endpoint, tells_health=tells_health) if one.endpoint else None,
    )


def _vendor(one: EndpointHealth, *, tells_health: bool) -> VendorFacts:
    return VendorFacts(one.endpoint, one.verdict, one.reason if tells_health else None, one.since, one.sampled_at)


def integration_facts(
    row: Integration, types: Collection[str], now: datetime, language: str = "en"
) -> IntegrationFacts:
    """The row as it is ``now``, with its schedule explained in a language."""
    return IntegrationFacts(
        integration_id=row.integration_id,
        org_id=row.org_id,
        integration_type=row.integration_type,
        is_enabled=row.is_enabled,
        cron_schedule=row.cron_schedule,
        timezone=zone_name(row.timezone),
        updated_at=row.updated_at,
        fault=next((one.reason for one in faults(row, types)), None),
        schedule=_schedule(row, now, language),
    )


def _schedule(row: Integration, now: datetime, language: str) -> Explanation | None:
    if row.cron_schedule is None:
        return None
    found = schedule_of(row, row.cron_schedule)
    if not isinstance(found, tuple):
        return None
    return explanation(row.cron_schedule, found[0], zone_name(row.timezone), found[1], now, language)
