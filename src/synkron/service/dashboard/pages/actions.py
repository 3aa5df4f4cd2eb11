"""``/act/...``: what asks before it acts. The same form opens in place where there is JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from secrets import token_urlsafe
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path
from starlette.datastructures import FormData, QueryParams
from starlette.responses import Response

from synkron.operations.access.answers import Answer, answer_once
from synkron.operations.transaction import read_transaction
from synkron.service.api.access import Operator
from synkron.service.api.cookies import FIELD
from synkron.service.api.parameters import KEY, Whatever, check_known
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.actions import ACTIONS
from synkron.service.dashboard.actions.asked import LENGTHS, Action, Asked
from synkron.service.dashboard.flash import Flash
from synkron.service.dashboard.viewer import OperatorView, Posted, ours, redirect

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Path(max_length=20)]
DAY = timedelta(days=1)


@router.get("/act/{name}")
async def ask(
    view: OperatorView, actor: Operator, connection: Db, parts: Parts, name: Name, given: Whatever
) -> Response:
    """What would happen, and the form that lets it happen."""
    action = _named(name)
    _check(action, "query", given)
    asked = Asked(view, actor, connection, parts, given)
    async with read_transaction(connection) as now:
        preview = await action.preview(asked, now)
    named = [(key, value) for key, value in given.multi_items() if key in action.named]
    return view.page(
        "act.html",
        name_of_action=name,
        action=action,
        preview=preview,
        named=named,
        back=ours(given.get("back", "/")),
        key=token_urlsafe(16),
        lengths=LENGTHS,
        range=(asked.text("from", f"{now - DAY:%Y-%m-%dT%H:%M}"), asked.text("to", f"{now:%Y-%m-%dT%H:%M}")),
    )


@router.post("/act/{name}")
async def act(form: Posted, view: OperatorView, actor: Operator, connection: Db, parts: Parts, name: Name) -> Response:
    """Do it, once though the form is sent again, and go back to where it was asked for."""
    action, asked = _named(name), Asked(view, actor, connection, parts, form)
    _check(action, "form", form)

    async def do() -> Answer:
        try:
            return Answer(200, json.dumps(await action.do(asked)))
        except Problem as problem:  # it may tell of what was done, such as a message that a channel did not take
            return Answer(problem.status, json.dumps(problem.detail))

    done = await _once(asked, f"POST /act/{name}", do)
    said = json.loads(done.body)
    if done.status != 200:
        raise Problem(done.status, said)
    return redirect(str(form.get("back", "/")), Flash(said))


def _check(action: Action, where: str, fields: FormData | QueryParams) -> None:
    """Raise RequestValidationError (422) for a field that this action would not heed."""
    check_known(where, fields, {*action.named, *action.asks, "back", "key", FIELD}, action.several)


async def _once(asked: Asked, request: str, do: Callable[[], Awaitable[Answer]]) -> Answer:
    """What ``do`` answers, or answered to the same form before: each has a key, as a request of the API may."""
    key = str(asked.fields.get("key", ""))
    if not key:
        return await do()
    if not re.fullmatch(KEY, key):
        raise Problem(422, "key: it is not that of a form; reload the page, and send the form again")
    sent = urlencode(asked.fields.multi_items()).encode()
    return await answer_once(asked.connection, asked.author, key, request, sent, do, within=asked.within)


def _named(name: str) -> Action:
    if name not in ACTIONS:
        raise Problem(404, "Not Found")
    return ACTIONS[name]
