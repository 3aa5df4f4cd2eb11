"""Three organizations whose names are markup, and something of each in all that the API can be asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization

HOUR = timedelta(hours=1)
# A name ends a script, an attribute and a line, and would drive a terminal.
MARKUP = "<script>alert(1)</script>\"'&\x1b[2J\r\n,=1+1"
# Fires seldom, so that two questions with a minute between them have the same answer.
SELDOM = "0 3 1 1 *"


@dataclass(frozen=True)
class Member:
    """An organization, and the number or the id of what is its own."""

    org_id: str
    name: str
    integrations: tuple[str, ...]
    run_id: int
    incident_id: int

    @property
    def marks(self) -> set[str]:
        """What nobody else may see a byte of."""
        return {self.org_id, self.name[:9], *self.integrations, f"secret of {self.name[:9]}"}


async def make_cast(connection: Connection) -> list[Member]:
    """Three members."""
    await connection.execute(
        "insert into synkron.watermark (at) values (now()) on conflict do nothing;"
        "select synkron.keep_partitions(now() - interval '60 days', now(), now() - interval '400 days')"
    )
    return [await add_member(connection, letter) for letter in "ABC"]


async def add_member(connection: Connection, letter: str) -> Member:
    """An organization with two integrations, of which one has failed, is paused, silenced, overridden and audited."""
    name = f"Member-{letter}-{MARKUP}"
    org_id = await add_organization(connection, name, "Europe/Oslo")
    ids = [await add_integration(connection, SELDOM, kind, org_id=org_id) for kind in ("xledger", "bufdir")]
    run_id = await add_run(connection, org_id, ids[0], f"secret of {name[:9]}")
    await connection.execute(
        "insert into synkron.pauses (integration_id, reason, author) values ($1, $2, 'kari')",
        ids[1],
        f"secret of {name[:9]}",
    )
    await connection.execute(
        "insert into synkron.silences (org_id, reason, author, starts_at, until) "
        "values ($1, $2, 'kari', now(), now() + interval '1 day')",
        org_id,
        f"secret of {name[:9]}",
    )
    await connection.execute("insert into synkron.overrides (integration_id, overlap) values ($1, 'skip')", ids[0])
    await connection.execute(
        "insert into synkron.audit (author, action, subject, org_id, integration_type, integration_id) "
        "values ('kari', 'override', 'integration ' || $1::text, $2, 'xledger', $1)",
        ids[0],
        org_id,
    )
    await connection.execute("insert into synkron.held (integration_id, since) values ($1, now())", ids[1])
    incident_id = await connection.fetchval(
        "insert into synkron.incidents (kind, subject, org_id, integration_type, title, detail, remedy, touches, "
        "since, opened_at, seen_at) values ('run_failed', $1, $2, 'xledger', $3, 'd', 'r', "
        "jsonb_build_object('organizations', jsonb_build_array($2::text), 'organizations_total', 1, 'runs', 1), "
        "now(), now(), now()) returning id",
        f"subject {org_id}",
        org_id,
        f"secret of {name[:9]}",
    )
    await connection.execute(
        "insert into synkron.announcements (incident_id, transition, channel, made_at, next_attempt_at) "
        "values ($1, 'opened', 'operations', now(), now())",
        incident_id,
    )
    return Member(org_id, name, tuple(ids), run_id, incident_id)


async def add_run(connection: Connection, org_id: str, integration_id: str, error: str, hours_ago: int = 2) -> int:
    """A run that failed so many hours ago, with its attempt; answers its number."""
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - hours_ago * HOUR  # noqa: TID251
    number: int = await connection.fetchval(
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_start, "
        "period_end, execute_after, next_attempt_at, action, reason, cron_schedule, timezone, tick_id, state, attempt, "
        "failures, started_at, finished_at, error) values (gen_random_uuid(), $1, $2, 'xledger', 'schedule', $3, $4, "
        "$3, $3, $3, 'run', 'on time', '0 * * * *', 'UTC', 1, 'failed', 1, 1, $3::timestamptz + interval '7 min', $5, "
        "$6) returning id",
        integration_id,
        org_id,
        at,
        at - HOUR,
        at + HOUR / 2,
        error,
    )
    await connection.execute(
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, "
        "duration, error) values ($1, $2, 1, 'w', $2, $3, 'final', interval '1 second', $4)",
        number,
        at,
        at + HOUR / 2,
        error,
    )
    return number
