"""Runs: what was decided and what ran, with attempts and stages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from synkron.ledger import history
from synkron.ledger.history import RecordedAttempt, RecordedRun
from synkron.model import State
from synkron.service.api.access import Reader, Whom, visible
from synkron.service.api.answer import answer, form, joined
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Instant, Limit, Number
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by
from synkron.service.names import organization_names
from synkron.service.nouns.runs import shown_run

router = APIRouter(tags=["runs"])
Run = form(RecordedRun, "run")
Attempts: Any = list[form(RecordedAttempt)]  # type: ignore[misc]
ShownRun = joined(Run, "ShownRun", stages_ms=Mapping[str, int], attempts=Attempts)


@router.get("/v1/runs", responses=documented(page_form(Run), 401, 403, 404, 422))
async def runs(
    request: Request,
    _: Reader,
    scope: Whom,
    connection: Db,
    parts: Parts,
    state: State | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """What was decided and what ran, the newest first: scheduled from ``since`` on and before ``until``."""
    before = place_of(cursor, "runs", datetime, int)
    found = await history.runs(connection, scope, state=state, since=since, until=until, before=before, limit=limit + 1)
    names = await organization_names(connection, parts.settings, {one.org_id for one in found})
    shown = page(found, limit, "runs", lambda one: (one.scheduled_for, one.id), lambda one: held_by(one, "run"))
    return answer(request, shown, names)


@router.get("/v1/runs/{run_id}", responses=documented(ShownRun, 401, 403, 404, 422))
async def run(request: Request, actor: Reader, connection: Db, parts: Parts, run_id: Number) -> Response:
    """One run with its attempts, and where its time went until the first of them was answered."""
    found = await history.run(connection, run_id)
    if found is None or not visible(actor, found[0].org_id):
        raise Problem(404, f"there is no run {run_id}")
    names = await organization_names(connection, parts.settings, [found[0].org_id])
    return answer(request, shown_run(*found), names)
