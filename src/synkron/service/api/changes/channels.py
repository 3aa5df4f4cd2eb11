"""Try out the channels that incidents are announced to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from synkron.operations.access.answers import Answer
from synkron.operations.announce import TriedChannel, plan_try_channels
from synkron.service.api.access import FleetOperator
from synkron.service.api.answer import form
from synkron.service.api.changes.body import Body, Id, sent
from synkron.service.api.changes.change import Change, respond
from synkron.service.api.changes.document import changing, outcome
from synkron.service.api.trials import alone, tried
from synkron.service.forms import in_json

router = APIRouter(tags=["incidents"])
Tried = outcome("TriedChannels", channels=list[form(TriedChannel)])  # type: ignore[misc]


class ChannelBody(Body):
    """Which channel; without one, all."""

    channel: Id | None = None


@router.post("/v1/channels/test", **changing(Tried, ChannelBody))
async def test(_: FleetOperator, change: Change, body: Annotated[ChannelBody, Depends(sent(ChannelBody))]) -> Response:
    """Send a test message to a channel, or to all, once; `error` says why one did not take it. Takes up to 30 s."""
    parts, connection = change.parts, change.connection
    planned = plan_try_channels(parts.settings, body.channel)
    if change.dry_run:
        return respond(_content(planned, dry_run=True))

    async def do() -> Answer:
        async with alone(parts):
            return _content(await tried(parts, connection, body.channel, change.actor.name), dry_run=False)

    return await change.once(do)


def _content(tried: Sequence[TriedChannel], *, dry_run: bool) -> Answer:
    return Answer(200, in_json({"dry_run": dry_run, "channels": tried}))
