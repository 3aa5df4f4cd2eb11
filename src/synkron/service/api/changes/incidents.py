"""Acknowledge incidents; begin and end silences."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from starlette.responses import Response

from synkron.incidents.lifecycle import Silence
from synkron.operations import acknowledge, silences
from synkron.operations.silences import AskedSilence, RecordedSilence
from synkron.service.api.access import Operator
from synkron.service.api.answer import form
from synkron.service.api.changes.body import Body, Id, Span, Text, sent
from synkron.service.api.changes.change import Change
from synkron.service.api.changes.document import changing, outcome
from synkron.service.api.parameters import Instant, Number
from synkron.service.changes.incidents import PlannedSilence, acknowledged, silenced
from synkron.service.nouns.incidents import AnnouncedIncident

router = APIRouter(tags=["incidents"])
Acknowledged = outcome("Acknowledged", incident=form(AnnouncedIncident))
Silenced = outcome(
    "Silenced",
    silence=form(RecordedSilence, "silence") | None,
    plan=form(PlannedSilence),
)


class NoBody(Body):
    """Nothing more is asked."""


class SilenceBody(Body):
    """What is not to be announced (what fits all that is given), why, and until when, or for how long."""

    org_id: Id | None = None
    integration_type: Id | None = None
    endpoint: Id | None = None
    reason: Text
    until: Instant | None = None
    for_: Span | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _something_and_one_end(self) -> SilenceBody:
        if (self.org_id, self.integration_type, self.endpoint) == (None, None, None):
            raise ValueError("give org_id, integration_type or endpoint, or several")
        if (self.until is None) == (self.for_ is None):
            raise ValueError("a silence has an end: give until or for, and not both")
        return self


@router.post("/v1/incidents/{incident_id}/acknowledge", **changing(Acknowledged, NoBody))
async def acknowledge_incident(
    _: Operator, change: Change, incident_id: Number, __: Annotated[NoBody, Depends(sent(NoBody))]
) -> Response:
    """Acknowledge an incident: there are no more reminders of it. Its end is still announced."""
    connection, within = change.connection, change.actor.org_id
    return await change.answer(
        lambda _: acknowledge.plan_acknowledge(connection, incident_id, within=within),
        lambda: acknowledge.acknowledge(connection, incident_id, change.actor.name, within=within),
        acknowledged,
    )


@router.post("/v1/silences", **changing(Silenced, SilenceBody))
async def silence(_: Operator, change: Change, body: Annotated[SilenceBody, Depends(sent(SilenceBody))]) -> Response:
    """Announce nothing of an organization, a type or an endpoint for a while. Runs go on."""
    end: Any = body.until or body.for_
    what = Silence(change.organization(body.org_id), body.integration_type, body.endpoint)
    asked = AskedSilence(what, body.reason, end)
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda now: silences.plan_silence(connection, settings, asked, now, within=within),
        lambda: silences.silence(connection, settings, asked, change.actor.name, within=within),
        silenced,
    )


@router.post("/v1/silences/{silence_id}/end", **changing(Silenced, NoBody))
async def unsilence(
    _: Operator, change: Change, silence_id: Number, __: Annotated[NoBody, Depends(sent(NoBody))]
) -> Response:
    """End a silence early."""
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    return await change.answer(
        lambda now: silences.plan_unsilence(connection, settings, silence_id, now, within=within),
        lambda: silences.unsilence(connection, settings, silence_id, change.actor.name, within=within),
        silenced,
    )
