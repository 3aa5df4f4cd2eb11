"""Pause, snooze and resume: one, many or all."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from starlette.responses import Response

from synkron.operations import pauses
from synkron.operations.pauses import AskedPause
from synkron.operations.recorded_pauses import RecordedPause
from synkron.scheduler.pauses import Pause
from synkron.service.api.access import Operator
from synkron.service.api.answer import form, joined
from synkron.service.api.changes.body import Number, Span, Text, sent
from synkron.service.api.changes.change import Change
from synkron.service.api.changes.document import changing, outcome
from synkron.service.api.changes.whom import ALLOWED, WhomBody
from synkron.service.api.parameters import MOST_AT_ONCE, Instant
from synkron.service.changes.pauses import PlannedPause, PlannedResume, paused, resumed

router = APIRouter(tags=["pauses"])
Ending: Any = form(Pause, "pause")
Planned = joined(form(PlannedResume), "PlannedResume", pauses=list[Ending])
Recorded: Any = form(RecordedPause, "pause")
Paused = outcome("Paused", pauses=list[Recorded] | None, plan=form(PlannedPause))
Resumed = outcome("Resumed", pauses=list[Recorded] | None, plan=Planned)


class PauseBody(WhomBody):
    """Whom to pause, why, and until when: a moment, or how long from now; without both, until it is resumed."""

    reason: Text
    until: Instant | None = None
    for_: Span | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _somebody_and_one_end(self) -> PauseBody:
        if not self.is_named:
            raise ValueError(ALLOWED)
        if self.until is not None and self.for_ is not None:
            raise ValueError("give until or for, not both")
        return self


class ResumeBody(WhomBody):
    """The pauses to end: by their numbers, or by exactly whom each holds."""

    pause_ids: Annotated[list[Number], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = None

    @model_validator(mode="after")
    def _numbers_or_somebody(self) -> ResumeBody:
        if (self.pause_ids is not None) == self.is_named:
            raise ValueError(f"give pause_ids; or, for exactly whom a pause holds, {ALLOWED}")
        return self


@router.post("/v1/pauses", **changing(Paused, PauseBody))
async def pause(_: Operator, change: Change, body: Annotated[PauseBody, Depends(sent(PauseBody))]) -> Response:
    """Pause up to 1,000 integrations, or a scope, until somebody resumes it or, with `until` or `for`, until then.

    All or none are paused. Nothing of them starts meanwhile; what would have fired is decided at the end.
    """
    end: Any = body.until or body.for_
    asked = AskedPause(body.scopes(change), body.reason, end)
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda now: pauses.plan_pause(connection, settings, asked, now, within=within),
        lambda: pauses.pause(connection, settings, asked, change.actor.name, within=within),
        paused,
    )


@router.post("/v1/pauses/resume", **changing(Resumed, ResumeBody))
async def resume(_: Operator, change: Change, body: Annotated[ResumeBody, Depends(sent(ResumeBody))]) -> Response:
    """End up to 1,000 pauses, named by their numbers or by exactly whom each holds. All or none are ended."""
    asked = body.scopes(change) if body.pause_ids is None else list(dict.fromkeys(body.pause_ids))
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda now: pauses.plan_resume(connection, settings, asked, now, within=within),
        lambda: pauses.resume(connection, settings, asked, change.actor.name, within=within),
        resumed,
    )
