"""Integrations: all at a glance, and one with all that decides about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import create_model
from starlette.requests import Request
from starlette.responses import Response

from synkron.errors import CursorError
from synkron.model import Scope
from synkron.operations.overrides import policy_or_reason
from synkron.operations.recorded_pauses import RecordedPause, pauses
from synkron.operations.scope import read_named_rows
from synkron.operations.transaction import read_transaction
from synkron.reports.overview.cursor import LONGEST, Sort, place_of
from synkron.reports.overview.page import MOST_ROWS, page
from synkron.reports.overview.rows import RowState
from synkron.service.api.access import Reader, Whom, visible
from synkron.service.api.answer import answer, form, joined
from synkron.service.api.paging import page_form
from synkron.service.api.parameters import CURSOR, Id, Text, Whole
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by
from synkron.service.names import organization_names
from synkron.service.nouns.integrations import IntegrationAtAGlance, IntegrationFacts, at_a_glance, integration_facts
from synkron.service.nouns.overrides import policy_facts

router = APIRouter(tags=["integrations"])
Search = Annotated[
    Text | None, Query(description="Beginnings of words of the organization's name and the type, or that of an id.")
]
MostRows = Annotated[Whole, Query(ge=1, le=MOST_ROWS, description="How many items a page has at most.")]
Cursor = Annotated[
    str | None, Query(pattern=CURSOR, max_length=LONGEST, description="The `next` of the page before this one.")
]
VALUE: dict[str, Any] = {"key": (str, ...), "value": (str | int | float | None, ...), "from": (str, ...)}
PolicyValue: Any = create_model("PolicyValue", **VALUE)
Pauses: Any = list[form(RecordedPause, "pause")]  # type: ignore[misc]
ShownIntegration = joined(
    form(IntegrationFacts), "ShownIntegration", policy=list[PolicyValue] | None, policy_fault=str | None, pauses=Pauses
)


@router.get("/v1/integrations", responses=documented(page_form(form(IntegrationAtAGlance)), 401, 403, 404, 422))
async def integrations(
    request: Request,
    actor: Reader,
    scope: Whom,
    connection: Db,
    parts: Parts,
    search: Search = None,
    state: RowState | None = None,
    sort: Sort = Sort.ORGANIZATION,
    limit: MostRows = 50,
    cursor: Cursor = None,
) -> Response:
    """All integrations at a glance, with their next fires and their last 30 runs.

    Order, search and state are as fresh as a copy that is refreshed while somebody asks, mostly each second; until
    there is one, which takes some seconds for a million, this is a 503. What a
    vendor's health is known by may be others' runs, and is shown to those who may see them.
    """
    try:
        place_of(cursor, sort)
    except CursorError as error:
        raise Problem(422, f"query.{error}") from None
    if not await parts.freshness.ensure(connection):
        raise Problem(503, "the integrations are being read for the first time; try again", {"Retry-After": "2"})
    found = await page(
        connection, parts.settings, scope, search=search, state=state, sort=sort, after=cursor, limit=limit
    )
    rows = [at_a_glance(one, tells_health=actor.org_id is None) for one in found.rows]
    names = {one.integration.org_id: one.organization for one in found.rows}
    return answer(request, {"items": rows, "next": found.next}, names)


@router.get("/v1/integrations/{integration_id}", responses=documented(ShownIntegration, 401, 403, 404, 422))
async def integration(request: Request, actor: Reader, connection: Db, parts: Parts, integration_id: Id) -> Response:
    """One integration: its row as it is now, its schedule explained, its policy and the pauses over it.

    Each value of the policy says where it comes from. If the settings do not have its type, it has no policy.
    """
    async with read_transaction(connection) as now:
        found = await read_named_rows(connection, parts.settings, [integration_id])
        rows = [one for one in found if visible(actor, one.org_id)]
        if not rows:
            raise Problem(404, f"there is no integration {integration_id}")
        [row, *_] = rows
        values, fault = await policy_or_reason(connection, parts.settings, row)
    scope = Scope(row.org_id, row.integration_type, row.integration_id)
    over = await pauses(connection, parts.settings, scope)
    names = await organization_names(connection, parts.settings, [row.org_id])
    policy = None if values is None else policy_facts(values)
    more = {"policy": policy, "policy_fault": fault, "pauses": [held_by(one, "pause") for one in over]}
    return answer(request, held_by(integration_facts(row, parts.settings.types, now)) | more, names)
