"""A run and its attempts as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from synkron.cli.output import lateness
from synkron.cli.table import Field, name_and_id, organization, precise, second

if TYPE_CHECKING:
    from synkron.ledger.history import RecordedRun
    from synkron.scheduler.pauses import Pause


def run_fields(names: Mapping[str, str]) -> list[Field]:
    """A run in a list; in JSON, it is as the ledger has it."""
    return [
        Field("run", "id", right=True),
        Field("scheduled (UTC)", "scheduled_for"),
        organization(names),
        Field("type", "integration_type"),
        Field("state", "state"),
        Field("drift", "drift", lateness, right=True),
        Field("try", lambda run: run.attempt or None, right=True, optional=True),
        Field("http", lambda run: run.http_status or None, right=True, optional=True),
        Field("why", _why, shrink=True),
    ]


def _why(run: RecordedRun) -> str:
    if run.pause_id:
        return f"held by pause {run.pause_id}"
    return run.error or ("" if run.reason == "on time" else run.reason)


ATTEMPT = [
    Field("try", "attempt", right=True),
    Field("started (UTC)", "started_at", precise),
    Field("took", lambda one: one.finished_at and one.finished_at - one.started_at, lateness, right=True),
    Field("outcome", lambda one: one.outcome or "under way"),
    Field("http", "http_status", right=True),
    Field("worker", "worker", optional=True),
    Field("error", "error", shrink=True),
]


def fact_fields(names: Mapping[str, str], pause: Pause | None) -> list[Field]:
    """One run, a fact on a line, and the pause that holds it."""
    return [
        Field("run", "id"),
        Field("key", "key"),
        Field("organization", lambda run: name_and_id(run.org_id, names)),
        Field("integration", lambda run: f"{run.integration_id} ({run.integration_type})"),
        Field("scheduled (UTC)", "scheduled_for", second),
        Field("schedule", lambda run: run.cron_schedule and f"{run.cron_schedule} in {run.timezone or 'UTC'}"),
        Field(
            "period (UTC)", lambda run: f"{second(run.period_start) or '(no beginning)'} to {second(run.period_end)}"
        ),
        Field("decided", lambda run: f"{run.action}, {run.source}: {run.reason}"),
        Field("occurrences", lambda run: run.occurrences if run.occurrences > 1 else None),
        Field("claimed (UTC)", "claimed_at", precise),
        Field(
            "may start (UTC)",
            lambda run: run.execute_after if run.execute_after != run.scheduled_for else None,
            precise,
        ),
        Field("started (UTC)", lambda run: run.started_at and f"{precise(run.started_at)}, {lateness(run.drift)} late"),
        Field("ended (UTC)", "finished_at", precise),
        Field("next try (UTC)", lambda run: None if run.finished_at or pause else run.next_attempt_at, precise),
        Field("held by", lambda _: pause and _held_by(pause, names)),
        Field("state", "state"),
        Field("attempts", lambda run: run.attempt and f"{run.attempt}, of which {run.failures} failed"),
        Field("http", "http_status"),
        Field("error", "error"),
    ]


def _held_by(pause: Pause, names: Mapping[str, str]) -> str:
    # A list of runs starts without the operations.
    from synkron.operations.scope import in_words

    return f"pause {pause.id}, {in_words(pause.scope, names)}"
