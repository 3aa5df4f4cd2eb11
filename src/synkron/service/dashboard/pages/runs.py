"""Runs: a list, and one run with its stages, its attempts and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from synkron.delivery.targets.request import body, masked_headers
from synkron.ledger import history
from synkron.ledger.drift import Stage
from synkron.ledger.history import RecordedAttempt, RecordedRun, stages_of
from synkron.model import Run, Source, State
from synkron.scheduler.holds import holding
from synkron.service.api.access import visible
from synkron.service.api.paging import page, place_of
from synkron.service.api.parameters import Number, OrEmpty
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts, Served
from synkron.service.dashboard.parameters import After, OneType
from synkron.service.dashboard.plots import rect, svg
from synkron.service.dashboard.type_filter import filter_types
from synkron.service.dashboard.viewer import View, Viewer
from synkron.service.names import organization_names
from synkron.source.parsed_texts import KNOWN
from synkron.text import called

router = APIRouter(include_in_schema=False)
ROWS = 50
WIDTH, BAR = 1000, 14


@router.get("/runs")
async def runs(
    view: View,
    connection: Db,
    parts: Parts,
    scope: OneType,
    state: Annotated[State | None, OrEmpty] = None,
    after: After = None,
) -> Response:
    """What was decided and what ran, the newest first."""
    before = place_of(after, "runs", datetime, int)
    found = await history.runs(connection, scope, state=state, before=before, limit=ROWS + 1)
    shown = page(found, ROWS, "runs", lambda one: (one.scheduled_for, one.id), lambda one: one)
    return view.page(
        "runs.html",
        runs=shown["items"],
        next=shown["next"],
        names=await organization_names(connection, parts.settings, {one.org_id for one in found}),
        state=state,
        states=list(State),
        type=scope.integration_type,
        types=await filter_types(view, connection, parts),
    )


@router.get("/runs/{run_id}")
async def run(view: View, connection: Db, parts: Parts, run_id: Number) -> Response:
    """One run."""
    found = await history.run(connection, run_id)
    if found is None or view.actor is None or not visible(view.actor, found[0].org_id):
        raise Problem(404, f"There is no run {run_id}.")
    one, attempts = found
    names = await organization_names(connection, parts.settings, [one.org_id])
    zone = KNOWN.recorded_zone(one.timezone)
    return view.page(
        "run.html",
        run=one,
        pause=await holding(connection, one),
        names=names,
        attempts=attempts,
        organization=called(names.get(one.org_id), one.org_id),
        zone=UTC if isinstance(zone, Exception) else zone,
        stages=_stages(one, attempts),
        last_try=attempts[-1].attempt if len(attempts) > 1 else None,
        waterfall=_waterfall(view, one, attempts),
        curl=_curl(parts, one),
    )


def _stages(one: RecordedRun, attempts: Sequence[RecordedAttempt]) -> Sequence[tuple[str, timedelta]]:
    """Where the time went until the last try was answered. The earlier tries are one stage, with the waits between."""
    found = [(stage.value, length) for stage, length in stages_of(one, attempts).items() if stage is not Stage.TARGET]
    if not found or one.started_at is None:
        return []
    if len(attempts) > 1:
        found.append(("tries", max(attempts[-1].started_at - one.started_at, timedelta())))
    if attempts[-1].duration is not None:
        found.append((Stage.TARGET.value, attempts[-1].duration))
    return found


def _waterfall(view: Viewer, one: RecordedRun, attempts: Sequence[RecordedAttempt]) -> str:
    """From the scheduled moment to the end: the stages until the last answer, and each attempt below."""
    ends = [one.finished_at, one.started_at, *(each.finished_at or each.started_at for each in attempts)]
    last = max((end for end in ends if end is not None), default=None)
    if not attempts or last is None or last <= one.scheduled_for:
        return ""
    whole = last - one.scheduled_for

    def place(length: timedelta) -> float:
        return WIDTH * min(max(length / whole, 0), 1)

    shapes, at = [], timedelta()
    for stage, length in _stages(one, attempts):
        said = view.words.say(f"run.stage.{stage}")
        shapes.append(rect(f"stage-{stage}", place(at), 0, max(place(length), 1), BAR, said))
        at += length
    for number, each in enumerate(attempts, 1):
        start, end = each.started_at - one.scheduled_for, (each.finished_at or last) - one.scheduled_for
        kind = {"succeeded": "fill-done", None: "fill-running"}.get(each.outcome, "fill-failed")
        said = view.words.say("run.attempt", number=str(each.attempt))
        shapes.append(rect(kind, place(start), number * (BAR + 6), max(place(end) - place(start), 2), BAR, said))
    height = (len(attempts) + 1) * (BAR + 6)
    return svg("plot waterfall", WIDTH, height, "".join(shapes), view.words.say("run.waterfall"))


def _curl(parts: Served, one: RecordedRun) -> str:
    """The request of the run's next attempt, for a terminal. Secrets stay where they are: a signature is not shown."""
    sent = Run(
        id=one.id,
        key=one.key,
        integration_id=one.integration_id,
        org_id=one.org_id,
        integration_type=one.integration_type,
        source=Source(one.source),
        scheduled_for=one.scheduled_for,
        period_start=one.period_start,
        period_end=one.period_end,
        attempt=max(one.attempt, 1),
        failures=one.failures,
        crashes=0,
        drift=one.drift or timedelta(),
    )
    headers = masked_headers(sent, parts.settings.types.get(one.integration_type))
    told = [f"  --header {quote(f'{name}: {value}')}" for name, value in headers.items()]
    return " \\\n".join(['curl --request POST "$TARGET"', *told, f"  --data {quote(body(sent).decode())}"])
