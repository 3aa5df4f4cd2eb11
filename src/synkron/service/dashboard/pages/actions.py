"""``/act/...``: what asks before it acts. The same form opens in place where there is JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations.transaction import read_transaction
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.actions import ACTIONS
from synkron.service.dashboard.actions.asked import LENGTHS, Action, Asked
from synkron.service.dashboard.flash import Flash
from synkron.service.dashboard.viewer import OperatorView, Posted, redirect

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Path(max_length=20)]
NAMED = ("integration", "run", "incident", "silence", "channel")
DAY = timedelta(days=1)


@router.get("/act/{name}")
async def ask(request: Request, view: OperatorView, connection: Db, parts: Parts, name: Name) -> Response:
    """What would happen, and the form that lets it happen."""
    action = _named(name)
    asked = Asked(view, connection, parts, request.query_params)
    async with read_transaction(connection) as now:
        preview = await action.preview(asked, now)
    named = [(key, value) for key, value in request.query_params.multi_items() if key in NAMED]
    return view.page(
        "act.html",
        name_of_action=name,
        action=action,
        preview=preview,
        named=named,
        back=request.query_params.get("back", "/"),
        lengths=LENGTHS,
        range=(asked.text("from", f"{now - DAY:%Y-%m-%dT%H:%M}"), asked.text("to", f"{now:%Y-%m-%dT%H:%M}")),
    )


@router.post("/act/{name}")
async def act(form: Posted, view: OperatorView, connection: Db, parts: Parts, name: Name) -> Response:
    """Do it, and go back to where it was asked for."""
    done = await _named(name).do(Asked(view, connection, parts, form))
    return redirect(str(form.get("back", "/")), Flash(done))


def _named(name: str) -> Action:
    if name not in ACTIONS:
        raise Problem(404, "Not Found")
    return ACTIONS[name]
