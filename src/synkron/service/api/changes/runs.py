"""Trigger, retry and cancel runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from starlette.responses import Response

from synkron.model import Scope
from synkron.operations import runs, trigger
from synkron.service.api.access import Operator
from synkron.service.api.answer import form
from synkron.service.api.changes.body import Body, Id, Number, Text, sent
from synkron.service.api.changes.change import Change
from synkron.service.api.changes.document import changing, outcome
from synkron.service.api.parameters import MOST_AT_ONCE
from synkron.service.changes.runs import CancelledRun, RetriedRun, TriggeredRun, cancelled, retried, triggered

router = APIRouter(tags=["runs"])
Triggered = outcome("Triggered", form(TriggeredRun))
Retried = outcome("Retried", runs=list[form(RetriedRun)])  # type: ignore[misc]
Cancelled = outcome("Cancelled", runs=list[form(CancelledRun)])  # type: ignore[misc]
RunIds = Annotated[list[Number], Field(min_length=1, max_length=MOST_AT_ONCE)]


class TriggerBody(Body):
    """The integration to run, by its id, or by its organization and its type."""

    integration_id: Id | None = None
    org_id: Id | None = None
    integration_type: Id | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _one_integration(self) -> TriggerBody:
        pair = (self.org_id is None, self.integration_type is None)
        if pair not in ((True, True), (False, False)) or pair[0] == (self.integration_id is None):
            raise ValueError("give integration_id, or org_id and integration_type")
        return self


class RetryBody(Body):
    """The failed runs to retry."""

    run_ids: RunIds


class CancelBody(Body):
    """The runs to cancel, and why."""

    run_ids: RunIds
    reason: Text


@router.post("/v1/trigger", **changing(Triggered, TriggerBody))
async def trigger_run(
    _: Operator, change: Change, body: Annotated[TriggerBody, Depends(sent(TriggerBody))]
) -> Response:
    """Run one integration now, outside its schedule."""
    org_id = None if body.org_id is None else change.organization(body.org_id)
    scope = Scope(org_id, body.integration_type, body.integration_id)
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda now: trigger.plan_trigger(connection, settings, scope, now, within=within),
        lambda: trigger.trigger(connection, settings, scope, change.actor.name, body.reason, within=within),
        triggered,
    )


@router.post("/v1/runs/retry", **changing(Retried, RetryBody))
async def retry(_: Operator, change: Change, body: Annotated[RetryBody, Depends(sent(RetryBody))]) -> Response:
    """Retry up to 1,000 failed runs, each with its key: all that are named, or none."""
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda now: runs.plan_retry(connection, settings, body.run_ids, now, within=within),
        lambda: runs.retry(connection, settings, body.run_ids, change.actor.name, within=within),
        retried,
    )


@router.post("/v1/runs/cancel", **changing(Cancelled, CancelBody))
async def cancel(_: Operator, change: Change, body: Annotated[CancelBody, Depends(sent(CancelBody))]) -> Response:
    """Cancel up to 1,000 runs that are claimed or running: all that are named, or none."""
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda _: runs.plan_cancel(connection, settings, body.run_ids, within=within),
        lambda: runs.cancel(connection, body.run_ids, change.actor.name, body.reason, within=within),
        cancelled,
    )
