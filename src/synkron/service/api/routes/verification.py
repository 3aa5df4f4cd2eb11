"""The proof: what should have run, and whether it did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from synkron.postgres.clock import database_clock
from synkron.reports.verify import store
from synkron.reports.verify.basis import LATE
from synkron.service.api.answer import answer, form
from synkron.service.api.heavy import Asked
from synkron.service.api.parameters import Instant, Limit, Span, window_of
from synkron.service.api.responses import documented
from synkron.service.names import organization_names
from synkron.service.nouns.verification import VerificationFacts, verification

router = APIRouter(tags=["reports"])
LateAfter = Annotated[Span | None, Query(description="How late a start is a finding; 5m if not given.")]
Strict = Annotated[bool, Query(description="What was decided and not delivered is a finding, too.")]


@router.get("/v1/verify", responses=documented(form(VerificationFacts), 401, 403, 404, 422))
async def verify(
    asked: Asked,
    since: Instant | None = None,
    until: Instant | None = None,
    late_after: LateAfter = None,
    strict: Strict = False,
    limit: Limit = 50,
) -> Response:
    """Whether everything that was due in this time (24 hours up to now) ran, once and in time."""
    window = window_of(since, until, await database_clock(asked.connection), store.DAY)
    found = await store.verify(
        asked.connection,
        asked.parts.settings,
        window.start,
        window.end,
        scope=asked.scope,
        late_after=late_after or LATE,
        is_strict=strict,
        most=limit,
    )
    names = await organization_names(asked.connection, asked.parts.settings, {one.org_id for one in found.findings})
    return answer(asked.request, verification(found), names)
