"""A small past for the operators' commands: one organization, its integrations, and what the ledger holds of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from synkron.ledger.keys import idempotency_key
from tests.support.statements import execute, fetch

FJORD = "00000000-0000-4000-8000-000000000001"
NOBODY = "00000000-0000-4000-8000-0000000000ff"
HOUR = timedelta(hours=1)
TABLES = ("runs", "running", "attempts", "queue", "pauses", "held", "overrides", "audit", "pace", "watermark")


@dataclass(frozen=True)
class Past:
    """The database with ``hourly`` (of Fjord, every hour) ticked up to now; ``hour`` is the last full hour."""

    url: str
    hourly: str
    hour: datetime

    def add(self, kind: str, schedule: str | None, *, enabled: bool = True) -> str:
        """Another integration of Fjord; answers its id."""
        found: str = fetch(
            self.url,
            "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) "
            f"values ('{FJORD}', $1, $2, $3) returning id::text",
            kind,
            enabled,
            schedule,
        )[0]["id"]
        return found

    def record(
        self,
        hours_ago: int,
        state: str,
        *,
        action: str = "run",
        source: str = "schedule",
        span: int = 1,
        integration: str | None = None,
    ) -> int:
        """A row of the ledger for the moment that was so many hours before ``hour``; answers its number."""
        at = self.hour - hours_ago * HOUR
        started = at if state in ("running", "succeeded", "failed") else None
        ended = at + HOUR / 2 if state in ("succeeded", "failed", "skipped") else None
        found: int = fetch(
            self.url,
            "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, "
            "period_start, period_end, execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, "
            "attempt, failures, started_at, finished_at, error) "
            f"values (gen_random_uuid(), $1, '{FJORD}', 'xledger', $2, $3, $4, $3, $3, $3, $5, 'as planned', "
            "'0 * * * *', 1, $6, $7, $8, $9, $10, $11) returning id",
            integration or self.hourly,
            source,
            at,
            at - span * HOUR,
            action,
            state,
            0 if started is None else 1,
            1 if state == "failed" else 0,
            started,
            ended,
            "HTTP 500" if state == "failed" else None,
        )[0]["id"]
        return found

    def key(self, moment: datetime) -> str:
        """The key that a run of ``hourly`` has."""
        installation = fetch(self.url, "select id from synkron.installations where until is null")[0]["id"]
        return idempotency_key(installation, self.hourly, moment)

    def state(self, run_id: int) -> str:
        """The run's state."""
        return str(fetch(self.url, "select state from synkron.runs where id = $1", run_id)[0]["state"])

    def audit(self) -> list[tuple[Any, ...]]:
        """Who did what with what, the oldest first."""
        return [tuple(row) for row in fetch(self.url, "select author, action, subject from synkron.audit order by id")]

    def jobs(self) -> list[str]:
        """The runs that have jobs."""
        rows = fetch(self.url, "select convert_from(payload, 'UTF8') run from synkron.queue order by id")
        return [row["run"] for row in rows]

    def everything(self) -> dict[str, list[Any]]:
        """All that an operation might change."""
        rows = " union all ".join(f"select '{table}', t::text from synkron.{table} t" for table in TABLES)
        found: dict[str, list[Any]] = {table: [] for table in TABLES}
        for table, row in fetch(self.url, f"{rows} order by 1, 2"):
            found[table].append(row)
        return found


def make_past(url: str) -> Past:
    """Fjord with its hourly integration, and a scheduler that has ticked up to now."""
    execute(
        url,
        f"insert into organizations values ('{FJORD}', 'Fjord')",
        "insert into synkron.watermark (at) values (now())",
        "select synkron.keep_partitions(now() - interval '60 days', now(), now() - interval '400 days')",
    )
    now = fetch(url, "select now()")[0]["now"].astimezone(UTC)
    past = Past(url, "", now.replace(minute=0, second=0, microsecond=0))
    return Past(url, past.add("xledger", "0 * * * *"), past.hour)
