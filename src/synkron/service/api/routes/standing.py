"""What operators have put in place: pauses, silences, and overrides of single integrations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations import overrides as own
from synkron.operations import recorded_pauses as pausing
from synkron.operations import silences as silencing
from synkron.operations.recorded_pauses import RecordedPause
from synkron.operations.silences import RecordedSilence
from synkron.service.api.access import Around, Reader, Whom
from synkron.service.api.answer import answer, form
from synkron.service.api.paging import Place, page, page_form, place_of
from synkron.service.api.parameters import After, Limit
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.forms import held_by
from synkron.service.names import organization_names
from synkron.service.nouns.overrides import OverrideFacts, override_facts

router = APIRouter(tags=["standing"])
Ended = Annotated[bool, Query(description="Also those that have ended.")]
Pause, Silence = form(RecordedPause, "pause"), form(RecordedSilence, "silence")


@router.get("/v1/pauses", responses=documented(page_form(Pause), 401, 403, 404, 422))
async def pauses(
    request: Request,
    _: Reader,
    around: Around,
    connection: Db,
    parts: Parts,
    ended: Ended = False,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """The pauses in effect that hold something of what is named, the newest first: its own and the wider ones."""
    place = place_of(cursor, "pauses", datetime, int)
    found = await pausing.pauses(connection, parts.settings, around, ended=ended, before=place, limit=limit + 1)
    names = await organization_names(connection, parts.settings, {one.org_id for one in found})
    return answer(request, page(found, limit, "pauses", _begun, lambda one: held_by(one, "pause")), names)


@router.get("/v1/silences", responses=documented(page_form(Silence), 401, 403, 404, 422))
async def silences(
    request: Request,
    actor: Reader,
    around: Around,
    connection: Db,
    parts: Parts,
    ended: Ended = False,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """The silences in effect about what is named, the newest first: its own and the wider ones.

    Who is tied to an organization sees its own alone.
    """
    place = place_of(cursor, "silences", datetime, int)
    found = await silencing.silences(
        connection, parts.settings, around, ended=ended, within=actor.org_id, before=place, limit=limit + 1
    )
    names = await organization_names(connection, parts.settings, {one.org_id for one in found})
    return answer(request, page(found, limit, "silences", _begun, lambda one: held_by(one, "silence")), names)


@router.get("/v1/overrides", responses=documented(page_form(form(OverrideFacts)), 401, 403, 404, 422))
async def overrides(
    request: Request,
    _: Reader,
    scope: Whom,
    connection: Db,
    parts: Parts,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """The integrations for which something is set over their type's policy, by their ids."""
    place = place_of(cursor, "overrides", str)
    found = await own.overrides(connection, parts.settings, scope, after=place, limit=limit + 1)
    org_ids = {one.integration.org_id for one in found if one.integration}
    names = await organization_names(connection, parts.settings, org_ids)
    return answer(request, page(found, limit, "overrides", lambda one: (one.integration_id,), override_facts), names)


def _begun(one: RecordedPause | RecordedSilence) -> Place:
    return one.starts_at, one.id
