"""Integrations for tests of the overview: each order, state and kind of run is among them several times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.cron import parse, parse_zone
from synkron.errors import CronError, ZoneError
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization
from tests.support.late_runs import ADD_RUN, make_room, run_of

NAMES = ["Fjord AS", "bakke", "Ås & sønner", "<b>x</b>", "Fjord AS", "q'u\"o\\te %_", "\u202eRTL", "\x07bell", "世界"]
ZONES = [None, "Europe/Oslo", "+02:00", "Europe/Atlantis"]
SCHEDULES = ["0 2 * * *", "*/15 * * * *", "30 2 29 2 *", "0 0 31 2 *", "99 * * * *", None, "7 3 * * 1"]
TYPES = ["xledger", "dynamics", "bufdir", "fiken"]
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@dataclass
class Member:
    """One of the cast, with what its rows in the tables should come to."""

    integration_id: str
    org_id: str
    organization: str
    kind: str
    is_enabled: bool
    schedule: str | None
    zone: str | None
    next_at: datetime | None
    last_at: datetime | None = None
    drift: timedelta | None = None
    failing_at: datetime | None = None
    is_running: bool = False
    is_paused: bool = False
    is_held: bool = False

    @property
    def is_live(self) -> bool:
        return self.is_enabled and self.schedule is not None

    @property
    def is_invalid(self) -> bool:
        return self.is_live and (
            self.kind == "fiken" or self.zone == "Europe/Atlantis" or self.schedule == "99 * * * *"
        )


def next_at(schedule: str | None, zone: str | None, now: datetime) -> datetime | None:
    try:
        return None if schedule is None else parse(schedule).next_after(now, parse_zone(zone))
    except (CronError, ZoneError):
        return None


async def cast_of(connection: Connection, now: datetime) -> list[Member]:
    """So many integrations that each order, state and kind of run is among them several times."""
    await make_room(connection, now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    organizations = [
        (await add_organization(connection, name, ZONES[n % 4]), name, ZONES[n % 4]) for n, name in enumerate(NAMES)
    ]
    cast = []
    runs: list[tuple[object, ...]] = []
    for n in range(130):
        org_id, name, zone = organizations[n % 9]
        kind, schedule, enabled = TYPES[n // 3 % 4], SCHEDULES[n % 7], n % 10 > 0
        found = await add_integration(connection, schedule, kind, org_id=org_id, enabled=enabled)
        one = Member(found, org_id, name, kind, enabled, schedule, zone, None)
        can_run = one.is_live and not one.is_invalid
        one.next_at = next_at(schedule, zone, now) if can_run else None
        runs += _runs_of(one, n, hour)
        cast.append(one)
    await connection.executemany(ADD_RUN, runs)
    await connection.executemany(
        "insert into synkron.running (integration_id, run_id, job_id) values ($1, 1, 1)",
        [(one.integration_id,) for one in cast if one.is_running],
    )
    await _pause(connection, cast)
    return cast


def _runs_of(one: Member, n: int, hour: datetime) -> list[tuple[object, ...]]:
    runs = []

    def ran(ago: int, state: str, late: int, source: str = "schedule") -> None:
        moment = hour - ago * HOUR
        started_at = moment + late * SECOND
        run = run_of(
            moment,
            org_id=one.org_id,
            integration_id=one.integration_id,
            kind=one.kind,
            source=source,
            state=state,
            started_at=started_at,
            finished_at=None if state == "running" else started_at + SECOND,
            error="HTTP 500" if state == "failed" else None,
        )
        runs.append(run)
        one.last_at = max(moment, one.last_at or moment)

    match n % 6:
        case 1:
            for ago in range(1, 21):
                ran(ago + n, "succeeded", ago)
            one.drift = 19 * SECOND  # the 95th percentile of 1 to 20, the value that is there
        case 2:
            ran(n + 2, "succeeded", 2)
            ran(n + 1, "failed", n)
            if n < 160:
                one.failing_at = hour - (n + 1) * HOUR + (n + 1) * SECOND
            one.drift = n * SECOND
        case 3:
            ran(5, "failed", 1)
            ran(4, "succeeded", 0)
            one.drift = SECOND
        case 4:
            ran(1, "running", 0)
            one.is_running, one.drift = True, timedelta()
        case 5:
            ran(24 * 8, "failed", 3)
            ran(24 * 8 + 1, "succeeded", 300, "manual")
            one.drift = 3 * SECOND
    return runs


async def _pause(connection: Connection, cast: list[Member]) -> None:
    """An integration, an organization, a type of an organization; and one pause that has ended."""
    paused = "insert into synkron.pauses (org_id, integration_type, integration_id, reason, author, until) values "
    await connection.execute(paused + "(null, null, $1, 'r', 'kari', null)", cast[0].integration_id)
    await connection.execute(paused + "($1, null, null, 'r', 'kari', null)", cast[1].org_id)
    await connection.execute(paused + "($1, 'dynamics', null, 'r', 'kari', null)", cast[2].org_id)
    await connection.execute(
        "insert into synkron.pauses (reason, author, starts_at, ended_at, ended_by) "
        "values ('r', 'kari', now() - interval '2 days', now() - interval '1 day', 'kari')"
    )
    for one in cast:
        one.is_paused = (
            one is cast[0] or one.org_id == cast[1].org_id or (one.org_id == cast[2].org_id and one.kind == "dynamics")
        )
    for one in cast[::11]:
        one.is_held = True
    await connection.executemany(
        "insert into synkron.held (integration_id, since) values ($1, now())",
        [(one.integration_id,) for one in cast if one.is_held],
    )
