"""Why an integration did or did not run at a minute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from synkron.errors import NotFound
from synkron.operations.access.actor import Actor
from synkron.postgres.clock import database_clock
from synkron.reports.why.facts import Facts, PauseFacts, RunFacts
from synkron.reports.why.store import read_facts
from synkron.service.api.access import Named, Reader, Whom, visible
from synkron.service.api.answer import answer, form, joined
from synkron.service.api.parameters import Instant
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.names import organization_names
from synkron.service.nouns.why import Answer, why_facts

router = APIRouter(tags=["reports"])
Run: Any = form(RunFacts, "run")
Pause: Any = form(PauseFacts, "pause")
ShownAnswer: Any = joined(
    form(Answer),
    "Why",
    decided=Run | None,
    into=Run | None,
    asked=list[Run],
    pauses=list[Pause],
    paused_now=Pause | None,
)


@router.get("/v1/why", responses=documented(list[ShownAnswer], 401, 403, 404, 422))
async def why(
    request: Request,
    actor: Reader,
    asked: Named,
    scope: Whom,
    connection: Db,
    parts: Parts,
    at: Instant | None = None,
) -> Response:
    """Why an integration did or did not run at a minute, in words, and the facts that they are made from.

    Name it by `integration`, or by `org` and `type`, and each of these is answered for; who is tied to an organization
    needs the type alone.
    """
    by_id = asked.integration is not None
    by_name = scope.org_id is not None and scope.integration_type is not None
    if by_id == by_name:
        raise Problem(422, "query.integration: name one integration: either `integration`, or `org` and `type`")
    moment = at or await database_clock(connection)
    try:
        found = await read_facts(connection, parts.settings, moment, scope)
    except NotFound:
        # Its words name the organizations that have one.
        if actor.org_id is None:
            raise
        raise Problem(404, "there is no such integration") from None
    found = [_for(actor, one) for one in found if visible(actor, one.org_id)]
    if not found:
        raise Problem(404, "there is no such integration")
    names = await organization_names(connection, parts.settings, {one.org_id for one in found})
    return answer(request, [why_facts(one) for one in found], names)


def _for(actor: Actor, facts: Facts) -> Facts:
    """The facts without the changes of an earlier release that name several runs, which may be those of others."""
    if actor.org_id is None:
        return facts
    return replace(facts, audit=[one for one in facts.audit if not one.subject.startswith("runs ")])
