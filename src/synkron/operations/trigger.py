"""Trigger: one run of an integration now, outside its schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from synkron.errors import Advice, NotFound, Refused
from synkron.ledger import claims, retention
from synkron.ledger.installation import at_home
from synkron.ledger.keys import run_key
from synkron.model import Action, Decision, Integration, InvalidIntegration, Scope, Source, State
from synkron.operations.audit import record
from synkron.operations.scope import Covered, look_up, scope_of_row
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.scheduler.holds import read_paused
from synkron.settings.load import Settings
from synkron.source.due import misplaced, schedule_of

SQL = statements("operations/runs")


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """The run that would be made; its period ends at its moment, ``at``. It waits for the unfinished run ``behind``."""

    integration: Integration
    subject: str
    at: datetime
    period_start: datetime | None
    behind: int | None
    behind_state: State | None


@dataclass(frozen=True, slots=True)
class Triggered:
    """The run that was made, as the plan says."""

    plan: TriggerPlan
    run_id: int
    key: str


async def plan_trigger(
    connection: Connection, settings: Settings, scope: Scope, now: datetime, *, within: str | None = None
) -> TriggerPlan:
    """What triggering would make. Raises NotFound and Refused as ``trigger`` does."""
    found = await look_up(connection, settings, scope if within is None else scope._replace(org_id=within))
    row = _only(found)
    name = f"{row.integration_id} ({row.integration_type} of {found.names.get(row.org_id) or row.org_id})"
    if not row.is_enabled:
        raise Refused(f"Integration {name} is disabled. Enable its row first.")
    schedule = None if row.cron_schedule is None else schedule_of(row, row.cron_schedule)
    schedule = misplaced(row, settings.types) or schedule
    if isinstance(schedule, InvalidIntegration):
        raise Refused(f"Integration {name} can't run: {schedule.reason}.")
    if pause := (await read_paused(connection, [row], now)).get(row.integration_id):
        if within is not None and pause.org_id is None and pause.integration_id is None:
            # Why a whole type is paused may say something of others.
            raise Refused(f"Integration {name} is paused, and can run when that ends.")
        raise Refused(
            f"Integration {name} is paused by {pause.author} ({pause.reason}).", Advice.RESUME_FIRST, number=pause.id
        )
    start = await connection.fetchval(SQL["last_period_end"], row.integration_id, now)
    if start is None and schedule is not None:
        cron, zone = schedule
        start = cron.previous_before(now, zone)
    waiting = await connection.fetchrow(SQL["waiting"], row.integration_id)
    behind, state = (waiting["id"], State(waiting["state"])) if waiting else (None, None)
    return TriggerPlan(row, f"integration {name}", now, start, behind, state)


async def trigger(
    connection: Connection,
    settings: Settings,
    scope: Scope,
    author: str,
    reason: str | None = None,
    *,
    within: str | None = None,
) -> Triggered:
    """Run the one integration of the scope now; its period starts where the last successful one ended, and ends now.

    Raises NotFound if there is none; Refused if there are several, or it is disabled, paused or can't run; NotAtHome.
    ``within`` an organization, the integrations of others are unknown.
    """
    async with write_transaction(connection) as now:
        plan = await plan_trigger(connection, settings, scope, now, within=within)
        decision = Decision(
            plan.integration,
            Action.RUN,
            Source.MANUAL,
            f"triggered by {author}" + (f": {reason}" if reason else ""),
            [now],
            plan.period_start,
            execute_after=now,
        )
        await retention.keep_partitions(connection, now, now, settings.retention)
        installation = await at_home(connection, settings)
        claimed = await claims.claim(connection, [decision], tick_id=None, installation=installation.id)
        if not claimed.run_ids:
            raise Refused("There is already a run for this moment. Nothing was changed; try again.")
        [run_id] = claimed.run_ids
        key = run_key(installation.id, plan.integration.integration_id, Source.MANUAL, now)
        after = {"run": run_id, "key": key, "period_start": plan.period_start, "period_end": now}
        about = scope_of_row(plan.integration)
        await record(
            connection, author=author, action="trigger", subject=plan.subject, about=about, before=None, after=after
        )
    return Triggered(plan, run_id, key)


def _only(found: Covered) -> Integration:
    if not found.rows:
        raise NotFound(f"There is no integration of {found.subject}.")
    if len(found.rows) > 1:
        listed = ", ".join(row.integration_id for row in found.rows[:5]) + (", ..." if len(found.rows) > 5 else "")
        raise Refused(
            f"There are {len(found.rows)} integrations of {found.subject}: {listed}.", Advice.NAME_INTEGRATION
        )
    return found.rows[0]
