"""Reads what is known about an integration and a minute, for ``synkron why``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from asyncpg import Record

from synkron.cron import Cron
from synkron.cron.timeline import utc
from synkron.errors import Advice, Ambiguous, NotFound
from synkron.model import Action, Integration, InvalidIntegration, Scope, Source, State
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.reports.why.facts import AuditFacts, Facts, PauseFacts, RunFacts
from synkron.scheduler.pauses import Hold
from synkron.settings.load import Settings
from synkron.source.due import misplaced, schedule_of
from synkron.source.parsed_texts import KNOWN
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of

MINUTE = timedelta(minutes=1)
# How many organizations a message names.
SHOWN = 5


async def read_facts(
    connection: Connection,
    settings: Settings,
    at: datetime,
    scope: Scope,
) -> list[Facts]:
    """What is known about the minute of ``at``, for the integration, or for all of a type that the organization has.

    Raises NotFound if neither the table nor the ledger has one; SourceTableMissing, ServiceRoleRequired, LedgerMissing.
    """
    moment = utc(at).replace(second=0, microsecond=0)
    source = SourceQueries(settings.source)
    sql = source.sql("reports/why/store")
    async with source.in_words(), connection.transaction(isolation="repeatable_read", readonly=True):
        await source.secure(connection)
        rows = await connection.fetch(sql["integrations"], *scope, moment)
        if not rows:
            raise await _nothing_there(connection, sql, scope)
        return [await _facts(connection, sql, settings, row, moment) for row in rows]


async def completed(connection: Connection, settings: Settings, scope: Scope) -> Scope:
    """The scope with the only type of its organization, or the only organization of its type.

    Raises Ambiguous if there are several; NotFound if there is none.
    """
    source = SourceQueries(settings.source)
    sql = source.sql("reports/why/store")
    async with source.in_words(), connection.transaction(readonly=True):
        await source.secure(connection)
        if scope.integration_type is None:
            types = await _types_of(connection, sql, scope.org_id)
            if not types:  # those whose rows are gone can be explained, too
                types = await _types_of(connection, sql, scope.org_id, "types_on_record")
            if not types:
                raise NotFound(f"Organization {scope.org_id} has no integrations, and the ledger has no record of one.")
            if len(types) > 1:
                raise Ambiguous(f"Organization {scope.org_id} has several types.", types, Advice.NAME_TYPE)
            return scope._replace(integration_type=types[0])
        others = await _organizations_with(connection, sql, scope.integration_type)
        if not others:
            raise NotFound(f"No organization has {scope.integration_type}.", Advice.NAME_FORMER_ORGANIZATION)
        if len(others) > 1:
            raise Ambiguous(
                f"Several organizations have {scope.integration_type}.", list(others.values()), Advice.NAME_ORGANIZATION
            )
        return scope._replace(org_id=next(iter(others)))


async def _types_of(
    connection: Connection, sql: Mapping[str, str], org_id: str | None, statement: str = "types_of"
) -> list[str]:
    return [row["integration_type"] for row in await connection.fetch(sql[statement], org_id)]


async def _organizations_with(
    connection: Connection, sql: Mapping[str, str], integration_type: str | None
) -> dict[str, str]:
    """The organizations that have the type, by their ids: each in words, and that there are more than are shown."""
    rows = await connection.fetch(sql["organizations_with"], integration_type, SHOWN + 1)
    found = {row["org_id"]: f"{row['org_id']} ({row['name']})" if row["name"] else row["org_id"] for row in rows}
    if len(found) > SHOWN:
        found[list(found)[-1]] = "and more"
    return found


async def _nothing_there(connection: Connection, sql: Mapping[str, str], scope: Scope) -> NotFound:
    """Says that there is no such integration, and which ones might be meant."""
    org_id, integration_type, integration_id = scope
    if integration_id is not None:
        said = f"There is no integration {integration_id}, and the ledger has no record of one around that time."
        return NotFound(said, Advice.LIST_INTEGRATIONS)
    if types := await _types_of(connection, sql, org_id):
        return NotFound(f"Organization {org_id} has no {integration_type}. It has {', '.join(types)}.")
    others = await _organizations_with(connection, sql, integration_type)
    with_type = f"Those with {integration_type}: {', '.join(others.values())}."
    if not others:
        with_type = f"No organization has {integration_type}."
    return NotFound(f"There is no organization {org_id} with integrations. {with_type}")


async def _facts(
    connection: Connection, sql: Mapping[str, str], settings: Settings, row: Record, moment: datetime
) -> Facts:
    integration = integration_of(row)
    runs = await connection.fetch(sql["runs"], integration.integration_id, moment)
    decided, into, asked = _sorted(runs, moment)
    ticks = await connection.fetchrow(sql["ticks"], moment)
    assert ticks is not None  # noqa: S101 (a select without a table)
    whom = (integration.org_id, integration.integration_type, integration.integration_id)
    pauses = [PauseFacts(**one) for one in await connection.fetch(sql["pauses"], *whom, moment)]
    lasting = [PauseFacts(**one) for one in await connection.fetch(sql["pauses"], *whom, ticks["now"])]
    about = [run.id for run in (decided, into, *asked) if run is not None]
    audit = await connection.fetch(sql["audit"], about, integration.integration_id, moment)
    schedule, fault = _schedule(integration)
    if row["stands"] and fault is None and (invalid := misplaced(integration, settings.types)):
        fault = invalid.reason
    zone = KNOWN.zone(integration.timezone)
    return Facts(
        org_id=integration.org_id,
        organization=row["organization"] or f"organization {integration.org_id}",
        integration_id=integration.integration_id,
        integration_type=integration.integration_type,
        moment=moment,
        zone=zone if isinstance(zone, tzinfo) else None,
        zone_name=str(integration.timezone or "UTC"),
        exists=row["stands"],
        is_enabled=integration.is_enabled,
        cron_schedule=integration.cron_schedule,
        described=schedule[0].describe() if schedule else None,
        fault=fault,
        fires=schedule is not None and schedule[0].matches(moment, schedule[1]),
        previous=schedule[0].previous_before(moment, schedule[1]) if schedule else None,
        following=schedule[0].next_after(moment, schedule[1]) if schedule else None,
        decided=decided,
        into=into,
        asked=asked,
        held_since=row["held_since"],
        held_for=None if row["held_for"] is None else Hold(row["held_for"]),
        pauses=pauses,
        paused_now=lasting[-1] if lasting else None,
        audit=[AuditFacts(**one) for one in audit],
        **ticks,
    )


def _schedule(row: Integration) -> tuple[tuple[Cron, tzinfo] | None, str | None]:
    """The row's schedule, or what is wrong with it."""
    if row.cron_schedule is None:
        return None, None
    found = schedule_of(row, row.cron_schedule)
    return (None, found.reason) if isinstance(found, InvalidIntegration) else (found, None)


def _sorted(rows: list[Record], moment: datetime) -> tuple[RunFacts | None, RunFacts | None, list[RunFacts]]:
    """The row that decided the moment, the run that covers it otherwise, and those that operators asked for."""
    found = [_run(row) for row in rows]
    by_ticks = [run for run in found if run.source in (Source.SCHEDULE, Source.CATCH_UP)]
    own = next((run for run in by_ticks if run.scheduled_for == moment), None)
    later = [run for run in by_ticks if run.scheduled_for > moment]
    in_summary = {row["id"] for row in rows if row["occurrences"] > 1 and _fired(row, moment)}
    summary = next((run for run in later if run.id in in_summary), None)
    into = None
    if own is not None and own.action is Action.MERGE:
        into = next((run for run in later if run.action is Action.RUN), None)
    if own is None and summary is None:
        covering = {row["id"] for row in rows if row["period_start"] is not None and _fired(row, moment)}
        into = next((run for run in later if run.id in covering and run.action is Action.RUN), None)
    asked = [run for run in found if run not in by_ticks and run.scheduled_for < moment + MINUTE]
    return own or summary, into, asked


def _fired(row: Record, moment: datetime) -> bool:
    """Whether the schedule that the ledger recorded includes the moment."""
    cron, zone = KNOWN.expression(row["cron_schedule"]), KNOWN.recorded_zone(row["timezone"])
    return isinstance(cron, Cron) and isinstance(zone, tzinfo) and cron.matches(moment, zone)


def _run(row: Record) -> RunFacts:
    kinds = {"source": Source(row["source"]), "action": Action(row["action"]), "state": State(row["state"])}
    return read(RunFacts, row, **kinds)
