"""A fixed cast: three organizations, of whom each has one of everything that can be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from synkron.incidents.lifecycle import Silence
from synkron.model import EVERYTHING, Scope
from synkron.operations.access.actor import Permission
from synkron.operations.access.tokens import AskedToken, create_token
from synkron.operations.overrides import set_override
from synkron.operations.pauses import AskedPause, pause
from synkron.operations.silences import AskedSilence, silence
from synkron.settings.load import Settings
from synkron.settings.sections import ChannelSettings
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization

HOUR = timedelta(hours=1)
HOSTILE = '<script>alert("vik")</script>'
WHY = "their maintenance"
NOTHING = 4711
TABLES = (
    "runs", "running", "attempts", "queue", "pauses", "held", "overrides", "audit", "pace", "watermark", "silences",
    "incidents", "installations", "answers",
)  # fmt: skip
# It refuses every connection.
SETTINGS = Settings(
    listen="127.0.0.1:0",
    announce={"channels": {"hook": ChannelSettings(webhook="http://127.0.0.1:9/hook", secret="env:SIGNING")}},
)


@dataclass(frozen=True)
class Own:
    """What an organization has. ``free`` is an integration that nothing is set for, ``paused`` one with a pause."""

    org_id: str
    free: str
    paused: str
    overridden: str
    failed: int
    claimed: int
    incident: int
    pause: int
    silence: int
    token: str


@dataclass(frozen=True)
class Cast:
    """The three of them, and the last full hour. ``nobody`` is an organization that has what does not exist."""

    fjord: Own
    vik: Own
    dal: Own
    hour: datetime

    @property
    def nobody(self) -> Own:
        """Ids that nothing has."""
        none = "00000000-0000-4000-8000-0000000000ff"
        return Own(none, none, none, none, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, "nobody")


async def make_cast(connection: Connection) -> Cast:
    """Write what they have."""
    await connection.execute("insert into synkron.watermark (at) values (now())")
    await connection.execute("select synkron.keep_partitions(now() - interval '60 days', now(), '-infinity')")
    await connection.execute(
        "insert into synkron.health (endpoint, integration_types, since) values ('x', '{xledger}', now())"
    )
    now: datetime = (await connection.fetchval("select now()")).astimezone(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    fjord, vik, dal = [await _own(connection, name, hour) for name in ("Fjord", HOSTILE, "Dal")]
    return Cast(fjord, vik, dal, hour)


async def _own(connection: Connection, name: str, hour: datetime) -> Own:
    org_id = await add_organization(connection, name)
    kinds = ("xledger", "dynamics", "bufdir")
    free, paused, overridden = [await add_integration(connection, "0 * * * *", kind, org_id=org_id) for kind in kinds]
    [put] = await pause(connection, SETTINGS, AskedPause([Scope(integration_id=paused)], WHY), "kari")
    await set_override(connection, SETTINGS, overridden, {"attempts": 7}, "kari")
    kept = await silence(connection, SETTINGS, AskedSilence(Silence(org_id), WHY, HOUR), "kari")
    await create_token(connection, SETTINGS, AskedToken(f"of-{org_id}", Permission.READ, org_id), "kari")
    incident = await connection.fetchval(
        "insert into synkron.incidents (kind, subject, org_id, integration_type, title, detail, remedy, touches, "
        "since, opened_at, seen_at) values ('run_failed', $1, $1, 'xledger', 'a run failed', 'HTTP 500', 'retry it', "
        "'{}', now(), now(), now()) returning id",
        org_id,
    )
    failed, claimed = [await add_run(connection, free, org_id, hour - hours * HOUR, state) for hours, state in RUNS]
    return Own(org_id, free, paused, overridden, failed, claimed, incident, put.id, kept.id, f"of-{org_id}")


RUNS = ((3, "failed"), (2, "claimed"))


async def add_run(connection: Connection, integration_id: str, org_id: str, moment: datetime, state: str) -> int:
    """A run of xledger in the ledger; answers its number."""
    ended = state in ("failed", "succeeded")
    found: int = await connection.fetchval(
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_start, "
        "period_end, execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, failures, "
        "started_at, finished_at, error) values (gen_random_uuid(), $1, $2, 'xledger', 'schedule', $3, "
        "$3::timestamptz - interval '1 hour', $3, $3, $3, 'run', 'as planned', '0 * * * *', 1, $4, $5, $6, $7, $7, $8) "
        "returning id",
        integration_id, org_id, moment, state, int(ended), int(state == "failed"), moment if ended else None,
        "HTTP 500" if state == "failed" else None,
    )  # fmt: skip
    return found


async def everything(connection: Connection) -> dict[str, list[str]]:
    """All that a change might change. When a token was last used is no change."""
    rows = " union all ".join(f"select '{table}', t::text from synkron.{table} t" for table in TABLES)
    tokens = "select 'tokens', name || coalesce(revoked_by, '') from synkron.tokens"
    found: dict[str, list[str]] = {}
    for table, row in await connection.fetch(f"{rows} union all {tokens} order by 1, 2"):
        found.setdefault(table, []).append(row)
    return found


Asked: TypeAlias = tuple[str, dict[str, Any]]
Table: TypeAlias = dict[str, tuple[str, Callable[[Own, datetime], Asked]]]


def _backfill(own: Own, hour: datetime) -> Asked:
    span = {"from": (hour - 6 * HOUR).isoformat(), "to": (hour - 3 * HOUR).isoformat()}
    return "backfill", {"integration_id": own.free, **span}


# Each change that who operates may ask for: what is asked of the organization's own, at an hour; and the audit's word.
CHANGES: Table = {
    "trigger": ("trigger", lambda own, _: ("trigger", {"integration_id": own.free, "reason": "they asked"})),
    "trigger a pair": (
        "trigger",
        lambda own, _: ("trigger", {"org_id": own.org_id, "integration_type": "xledger"}),
    ),
    "backfill": ("backfill", _backfill),
    "retry": ("retry", lambda own, _: ("runs/retry", {"run_ids": [own.failed]})),
    "cancel": ("cancel", lambda own, _: ("runs/cancel", {"run_ids": [own.claimed], "reason": "wrong period"})),
    "pause": ("pause", lambda own, _: ("pauses", {"integration_ids": [own.free], "reason": WHY})),
    "snooze": ("pause", lambda own, _: ("pauses", {"integration_ids": [own.free], "reason": WHY, "for": "2h"})),
    "pause an organization": (
        "pause",
        lambda own, _: ("pauses", {"org_id": own.org_id, "reason": WHY, "until": "2199-01-01T00:00:00+01:00"}),
    ),
    "resume": ("resume", lambda own, _: ("pauses/resume", {"pause_ids": [own.pause]})),
    "resume whom": ("resume", lambda own, _: ("pauses/resume", {"integration_ids": [own.paused]})),
    "override": (
        "override",
        lambda own, _: ("overrides/set", {"integration_id": own.free, "values": {"timeout": "5m", "attempts": 2}}),
    ),
    "end an override": (
        "end override",
        lambda own, _: ("overrides/unset", {"integration_id": own.overridden, "keys": ["attempts"]}),
    ),
    "acknowledge": ("acknowledge", lambda own, _: (f"incidents/{own.incident}/acknowledge", {})),
    "silence": (
        "silence",
        lambda own, _: ("silences", {"org_id": own.org_id, "integration_type": "xledger", "reason": WHY, "for": "4h"}),
    ),
    "unsilence": ("unsilence", lambda own, _: (f"silences/{own.silence}/end", {})),
}

# Those of who administers.
ADMINISTRATION: Table = {
    "create a token": ("create token", lambda *_: ("tokens", {"name": "ci", "permission": "read"})),
    "revoke a token": ("revoke token", lambda own, _: ("tokens/revoke", {"name": own.token})),
    "adopt": ("adopt", lambda *_: ("adopt", {"adopted": "copy", "installation": "staging"})),
}


def about(name: str, own: Own) -> Scope:
    """Whom the change of this name is about, as the audit has it."""
    paused, pair = Scope(own.org_id, "dynamics", own.paused), Scope(own.org_id, "xledger")
    others = {
        "pause an organization": Scope(own.org_id),
        "resume": paused,
        "resume whom": paused,
        "end an override": Scope(own.org_id, "bufdir", own.overridden),
        "acknowledge": pair,
        "silence": pair,
        "unsilence": Scope(own.org_id),
        "create a token": EVERYTHING,
        "revoke a token": Scope(own.org_id),
        "adopt": EVERYTHING,
    }
    return others.get(name, Scope(own.org_id, "xledger", own.free))


# What a request is signed for is not asked for by a token.
SIGNED = {"/v1/runs/{run_id}/complete", "/v1/tick"}


def filled(route: str, own: Own) -> str:
    """The path of a route to what an organization has."""
    return route.format(run_id=own.failed, incident_id=own.incident, silence_id=own.silence, integration_id=own.free)
