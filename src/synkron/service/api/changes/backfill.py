"""Backfill: run the occurrences of a past range that did not run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from starlette.responses import Response

from synkron.model import Scope
from synkron.operations import backfill
from synkron.operations.backfill import MOST_OCCURRENCES, MOST_UNASKED, AskedBackfill
from synkron.operations.backfill_plan import BackfillOutcome
from synkron.service.api.access import Operator
from synkron.service.api.answer import form
from synkron.service.api.changes.body import Body, Id, sent
from synkron.service.api.changes.change import Change
from synkron.service.api.changes.document import changing, outcome
from synkron.service.api.parameters import Instant
from synkron.service.changes.runs import BackfilledOccurrence, backfilled

router = APIRouter(tags=["runs"])
MOST_SHOWN = 1000
Counts = dict[BackfillOutcome, int]
Backfilled = outcome(
    "Backfilled",
    **{"from": datetime},
    to=datetime,
    counts=Counts,
    left_out=int,
    paused=int,
    overlap_skip=int,
    run_ids=list[int],
    occurrences=list[form(BackfilledOccurrence)],  # type: ignore[misc]
)


class BackfillBody(Body):
    """The range, from its first moment up to its end, which is left out; and whom it is about.

    It makes no more than ``most`` runs.
    """

    from_: Instant = Field(alias="from")
    to: Instant
    org_id: Id | None = None
    integration_type: Id | None = None
    integration_id: Id | None = None
    most: Annotated[int, Field(ge=1, le=MOST_OCCURRENCES)] = MOST_UNASKED

    @model_validator(mode="after")
    def _somebody(self) -> BackfillBody:
        if (self.org_id, self.integration_type, self.integration_id) == (None, None, None):
            raise ValueError("give org_id, integration_type or integration_id, or several")
        return self


@router.post("/v1/backfill", **changing(Backfilled, BackfillBody))
async def post(_: Operator, change: Change, body: Annotated[BackfillBody, Depends(sent(BackfillBody))]) -> Response:
    """Run what did not run, the oldest first. At most 1,000 occurrences are listed; `counts` has all of them."""
    scope = Scope(change.organization(body.org_id), body.integration_type, body.integration_id)
    asked = AskedBackfill(scope, body.from_, body.to)
    connection, settings, author = change.connection, change.parts.settings, change.actor.name
    most = None if change.dry_run else body.most
    return await change.answer(
        lambda now: backfill.plan_backfill(connection, settings, asked, now, most),
        lambda: backfill.backfill(connection, settings, asked, author, most=most),
        lambda plan, done: backfilled(asked, plan, done, MOST_SHOWN),
    )
