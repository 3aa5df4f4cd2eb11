"""Backfill: runs each occurrence of a past range that did not run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import Advice, NotFound, Refused
from synkron.ledger import claims, retention
from synkron.ledger.installation import at_home
from synkron.ledger.queue import enqueue
from synkron.model import Action, Decision, Integration, Occurrences, Scope, Source, State, Window
from synkron.operations.audit import record
from synkron.operations.backfill_plan import BackfillOutcome, CoveringRun, Planned, RecordedMoment, fates_of
from synkron.operations.scope import live, look_up
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.scheduler.holds import read_held, read_paused
from synkron.scheduler.policies import read_policies
from synkron.scheduler.starts import allot_starts
from synkron.settings.load import Settings
from synkron.settings.policy import Overlap
from synkron.source.due import all_occurrences
from synkron.text import duration_text

MOST_UNASKED = 10_000
MOST_OCCURRENCES = 250_000
SQL = statements("operations/runs")


@dataclass(frozen=True, slots=True)
class AskedBackfill:
    """The requested occurrences: those of the scope from ``start`` up to, but not including, ``end``."""

    scope: Scope
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The occurrences, the oldest first, and what happens to each.

    ``names`` are the names of the organizations, ``about`` is whom the backfill is for. ``left_out`` rows of the scope
    are disabled, have no schedule or can't run; ``paused`` of the runs wait for a pause to end. ``skipping`` of the
    integrations with runs have the overlap ``skip``: they skip scheduled runs that come due while a backfilled one has
    not finished.
    """

    subject: str
    about: Scope
    names: Mapping[str, str]
    occurrences: Sequence[Planned]
    left_out: int
    paused: int
    skipping: int

    @property
    def runs(self) -> list[Planned]:
        """The occurrences that get a run."""
        return [one for one in self.occurrences if one.fate is BackfillOutcome.RUNS]

    @property
    def counts(self) -> dict[BackfillOutcome, int]:
        """The number of occurrences by fate, including zeros."""
        counted = Counter(one.fate for one in self.occurrences)
        return {fate: counted[fate] for fate in BackfillOutcome}


async def plan_backfill(
    connection: Connection, settings: Settings, asked: AskedBackfill, now: datetime, most: int | None = None
) -> BackfillPlan:
    """What the backfill would do. Raises NotFound and Refused as ``backfill`` does."""
    await _check_range(connection, settings, asked, now)
    found = await look_up(connection, settings, asked.scope)
    rows = live(found.rows, settings.types)
    if not found.rows:
        raise NotFound(f"There is no integration of {found.subject}.")
    if not rows:
        raise Refused(
            f"No integration of {found.subject} is enabled, has a schedule and can run; the runs would be skipped.",
            Advice.LIST_FAULTS,
        )
    due = _due(rows, asked, settings)
    ids = [one.integration.integration_id for one in due]
    recorded = await _recorded(connection, asked, ids)
    # What was decided needs no other run that covers it.
    moments = ((one.integration.integration_id, moment) for one in due for moment in one.moments)
    with_gaps = {one[0] for one in moments if one not in recorded}
    occurrences = sorted(
        fates_of(
            due,
            recorded,
            await _covering(connection, asked, with_gaps),
            await read_held(connection, ids),
            (await at_home(connection, settings)).id,
        ),
        key=lambda one: (one.scheduled_for, one.integration.org_id, one.integration.integration_id),
    )
    paused = await read_paused(connection, [one.integration for one in due], now)
    waiting = sum(one.fate is BackfillOutcome.RUNS and one.integration.integration_id in paused for one in occurrences)
    skipping = await _skipping(connection, settings, occurrences)
    left_out = len(found.rows) - len(rows)
    plan = BackfillPlan(found.subject, found.about, found.names, occurrences, left_out, waiting, skipping)
    if most is not None and len(plan.runs) > most:
        raise Refused(f"That would be {len(plan.runs):,} runs.", Advice.FEWER_RUNS, most=most)
    return plan


async def backfill(
    connection: Connection, settings: Settings, asked: AskedBackfill, author: str, *, most: int | None = None
) -> tuple[BackfillPlan, tuple[int, ...]]:
    """Run what did not run, by the current schedules; returns the plan and the numbers of the runs.

    Raises NotFound if the scope is empty; Refused if the range is empty, extends beyond what is decided or before the
    retention, or needs more than ``most`` runs; NotAtHome.
    """
    async with write_transaction(connection) as now:
        plan = await plan_backfill(connection, settings, asked, now, most)
        run_ids = await _claim(connection, settings, plan.runs, f"backfilled by {author}", now) if plan.runs else ()
        if run_ids:
            after = {"from": asked.start, "to": asked.end, "runs": len(run_ids), "first": min(run_ids)}
            await record(
                connection,
                author=author,
                action="backfill",
                subject=plan.subject,
                about=plan.about,
                before=None,
                after=after,
            )
    return plan, run_ids


async def _skipping(connection: Connection, settings: Settings, occurrences: Sequence[Planned]) -> int:
    """How many of the integrations that get runs skip a scheduled run while an older one has not finished."""
    runs = (one.integration for one in occurrences if one.fate is BackfillOutcome.RUNS)
    integrations = list({one.integration_id: one for one in runs}.values())
    policies = await read_policies(connection, settings.policies, integrations)
    return sum(policies.of(one).overlap is Overlap.SKIP for one in integrations)


async def _check_range(connection: Connection, settings: Settings, asked: AskedBackfill, now: datetime) -> None:
    if asked.end <= asked.start:
        raise Refused(
            f"The range ends at {_written(asked.end)}, which is not after its start, {_written(asked.start)}."
        )
    if asked.start < now - settings.retention:
        raise Refused(
            f"{_written(asked.start)} is before the retention of {duration_text(settings.retention)}: the ledger no "
            "longer knows which runs were delivered, so they could be delivered twice.",
            Advice.BEGIN_LATER,
        )
    watermark = await connection.fetchval(SQL["watermark"])
    if watermark is None:
        raise Refused("No scheduler has ticked yet, so there is nothing to backfill.")
    if asked.end > watermark:
        raise Refused(
            f"Everything up to {_written(watermark)} is decided; the schedulers decide what comes after.",
            Advice.END_BY,
            moment=_written(watermark),
        )


def _due(rows: Sequence[Integration], asked: AskedBackfill, settings: Settings) -> list[Occurrences]:
    """The occurrences from the start up to, but not including, the end. A window excludes its start instead."""
    instant = timedelta(microseconds=1)
    due, _ = all_occurrences(rows, Window(asked.start - instant, asked.end - instant), settings.types)
    total = sum(len(one.moments) for one in due)
    if total > MOST_OCCURRENCES:
        raise Refused(
            f"The range has {total:,} occurrences; one backfill takes at most {MOST_OCCURRENCES:,}. Divide the range, "
            "and backfill one part after the other."
        )
    return due


async def _recorded(
    connection: Connection, asked: AskedBackfill, ids: Sequence[str]
) -> dict[tuple[str, datetime], RecordedMoment]:
    rows = await connection.fetch(SQL["recorded"], ids, asked.start, asked.end)
    return {
        (row["integration_id"], row["scheduled_for"]): read(
            RecordedMoment,
            row,
            source=Source(row["source"]),
            state=State(row["state"]),
            cover_state=row["cover_state"] and State(row["cover_state"]),
            period=(row["period_start"],) if row["occurrences"] == 1 else None,
        )
        for row in rows
    }


async def _covering(
    connection: Connection, asked: AskedBackfill, ids: Collection[str]
) -> Mapping[str, Sequence[CoveringRun]]:
    found: dict[str, list[CoveringRun]] = defaultdict(list)
    for row in await connection.fetch(SQL["covering"], list(ids), asked.start, asked.end):
        found[row["integration_id"]].append(read(CoveringRun, row, state=State(row["state"])))
    return found


async def _claim(
    connection: Connection, settings: Settings, planned: Sequence[Planned], reason: str, now: datetime
) -> tuple[int, ...]:
    decisions = [
        Decision(
            one.integration,
            Action.RUN,
            Source.BACKFILL,
            reason,
            [one.scheduled_for],
            one.period_start,
            execute_after=max(now, one.scheduled_for),
        )
        for one in planned
    ]
    paced = list(zip(planned, await allot_starts(connection, decisions, settings.policies, now), strict=True))
    again = [(one.run_id, decision.execute_after) for one, decision in paced if one.run_id is not None]
    new = [decision for one, decision in paced if one.run_id is None]
    await retention.keep_partitions(connection, planned[0].scheduled_for, now, settings.retention)
    claimed = await claims.claim(connection, new, tick_id=None, installation=planned[0].installation)
    if again:
        rows = await connection.fetch(SQL["retry"], *map(list, zip(*again, strict=True)), reason)
        await enqueue(connection, rows)
    return (*claimed.run_ids, *(run_id for run_id, _ in again))


def _written(moment: datetime) -> str:
    seconds = "%Y-%m-%dT%H:%MZ" if moment.second == 0 else "%Y-%m-%dT%H:%M:%SZ"
    return f"{moment:{seconds}}"
