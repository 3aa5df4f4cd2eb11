"""What a page shows where something is wrong: the same words as the API's, as a page; or the way to log in."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from synkron.errors import SynkronError
from synkron.operations.access.actor import Actor
from synkron.postgres.connection import DRIVER_FAULTS
from synkron.service.api.access import held_session
from synkron.service.api.problem import Problem
from synkron.service.api.served import Served, opened
from synkron.service.dashboard.flash import Flash
from synkron.service.dashboard.viewer import plain_view, redirect
from synkron.service.dashboard.words import Words

LOGIN = "/login"
# Problems of requests that may have reached no route.
UNASKED = (404, 405)


def wants_page(request: Request) -> bool:
    """Whether a person asks: a browser that navigates, and not a program or a script."""
    return not request.url.path.startswith("/v1") and "text/html" in request.headers.get("accept", "")


async def refused(request: Request, problem: Problem) -> Response:
    """The page of a problem. Who is not logged in is sent to do so; a form that is refused shows why where it was."""
    if problem.status == 401:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        holding = getattr(request.state, "holding", None)  # None: no session was sent
        fields = {} if holding is None else {"said": "several" if holding else "over"}
        if asked != "/" and request.method == "GET":
            fields["next"] = asked
        return redirect(LOGIN + ("?" + urlencode(fields) if fields else ""))
    back = getattr(request.state, "back", None)
    if back is not None and problem.status in (404, 409, 422):
        words = plain_view(request, datetime.now(UTC)).words  # noqa: TID251 (no time is shown)
        return redirect(back, Flash(*_said(problem, words)))
    actor, session = getattr(request.state, "actor", None), getattr(request.state, "session", None)
    if actor is None and problem.status in UNASKED and (held := await _held(request)):
        actor, session = held
    now = datetime.now(UTC)  # noqa: TID251 (the database may be what is away)
    candidates = problem.more.get("candidates", ())
    view = plain_view(request, now, actor, session=session)
    detail, _, advice = _said(problem, view.words)
    shown = view.page(
        "problem.html", problem.status, answered=problem.status, detail=detail, advice=advice, candidates=candidates
    )
    shown.headers.update(problem.headers)
    return shown


def _said(problem: Problem, words: Words) -> tuple[str, bool, str]:
    """What is wrong, that it is a refusal, and what to do about it, in the words of pages."""
    error = problem.error
    if error is None or error.advice is None:
        return problem.detail, True, ""
    values = {name: str(value) if name == "number" else value for name, value in error.values.items()}
    return str(error), True, words.say(f"advice.{error.advice}", **values)


async def _held(request: Request) -> tuple[Actor, str] | None:
    """Who asked for what no route answers, so that nobody has asked yet who they are."""
    parts: Served = request.state.served
    with suppress(SynkronError, *DRIVER_FAULTS):
        async with opened(parts) as connection:
            return await held_session(request, connection, parts.settings.api)
    return None
