"""Runs: what was decided and what ran, with attempts and stages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.ledger import history
from synkron.ledger.history import RecordedAttempt, RecordedRun
from synkron.model import State
from synkron.operations.scope import read_names
from synkron.service.api.access import Reader, Whom, visible
from synkron.service.api.answer import answer, form, joined
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by

router = APIRouter(tags=["runs"])
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Run = form(RecordedRun, "run")
ShownRun = joined(Run, "ShownRun", attempts=list[form(RecordedAttempt)])  # type: ignore[misc]


@router.get("/v1/runs", responses=documented(list[Run], 401, 403, 404, 422))  # type: ignore[valid-type]
async def runs(
    request: Request,
    _: Reader,
    scope: Whom,
    connection: Db,
    parts: Parts,
    state: State | None = None,
    limit: Limit = 50,
) -> Response:
    """What was decided and what ran, the newest first."""
    found = await history.runs(connection, scope, state=state, limit=limit)
    names = await read_names(connection, parts.settings, {one.org_id for one in found})
    return answer(request, [held_by(one, "run") for one in found], names)


@router.get("/v1/runs/{run_id}", responses=documented(ShownRun, 401, 403, 404))
async def run(request: Request, actor: Reader, connection: Db, parts: Parts, run_id: RunId) -> Response:
    """One run with its attempts."""
    found = await history.run(connection, run_id)
    if found is None or not visible(actor, found[0].org_id):
        raise Problem(404, f"there is no run {run_id}")
    one, attempts = found
    names = await read_names(connection, parts.settings, [one.org_id])
    return answer(request, held_by(one, "run") | {"attempts": attempts}, names)
