"""Acknowledge an incident: somebody works on it, and the reminders stop."""

from __future__ import annotations

from synkron.errors import Advice, NotFound, Refused
from synkron.incidents.lifecycle import Incident
from synkron.incidents.store import incident
from synkron.model import Scope
from synkron.operations.audit import record
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements

SQL = statements("incidents/store")


async def plan_acknowledge(connection: Connection, number: int, *, within: str | None = None) -> Incident:
    """The incident as it is now. Raises NotFound and Refused as ``acknowledge`` does."""
    found = await _read(connection, number, within)
    if found.closed_at is not None:
        raise Refused(
            f"Incident {number} closed at {found.closed_at:%Y-%m-%dT%H:%M:%SZ}, so there are no reminders to stop."
        )
    if found.acknowledged_at is not None:
        raise Refused(
            f"Incident {number} is already acknowledged: by {found.acknowledged_by}, at "
            f"{found.acknowledged_at:%Y-%m-%dT%H:%M:%SZ}."
        )
    return found


async def acknowledge(connection: Connection, number: int, author: str, *, within: str | None = None) -> Incident:
    """Acknowledge the incident with this number.

    Raises NotFound if there is none; Refused if it is closed or already acknowledged. ``within`` an organization, the
    incidents that are about others, or about several, are unknown.
    """
    async with write_transaction(connection) as now:
        found = await plan_acknowledge(connection, number, within=within)
        await connection.execute(SQL["acknowledge"], number, now, author)
        condition = found.condition
        subject = f"incident {number}"
        after = {"incident": number, "kind": condition.kind, "title": condition.title, "acknowledged_at": now}
        about = Scope(condition.org_id, condition.integration_type)
        await record(
            connection, author=author, action="acknowledge", subject=subject, about=about, before=None, after=after
        )
        return await _read(connection, number, within)


async def _read(connection: Connection, number: int, within: str | None) -> Incident:
    found = await incident(connection, number)
    if found is None or within not in (None, found[0].condition.org_id):
        raise NotFound(f"There is no incident {number}.", Advice.LIST_INCIDENTS)
    return found[0]
