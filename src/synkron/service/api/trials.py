"""Try out the channels of announcements, for a request or a page: one after the other, and noted in the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from synkron.errors import Refused
from synkron.model import EVERYTHING
from synkron.operations.announce import TriedChannel, try_channels
from synkron.operations.audit import record
from synkron.postgres.connection import Connection
from synkron.service.api.served import Served
from synkron.service.forms import held_by


@asynccontextmanager
async def alone(parts: Served) -> AsyncIterator[None]:
    """One test at a time: it keeps a connection for as long as the slowest channel takes. Raises Refused."""
    if parts.trying_channels.locked():
        raise Refused("The channels are being tried out for another request; try again when that has ended.")
    async with parts.trying_channels:
        yield


async def tried(parts: Served, connection: Connection, channel: str | None, author: str) -> Sequence[TriedChannel]:
    """Send a test message to the channel, or to all, and note it in the audit. Raises NotFound and SettingsError."""
    found = await try_channels(parts.settings, parts.environment, channel)
    after = {"channels": [held_by(one) for one in found]}
    subject = "all channels" if channel is None else f"channel {channel}"
    await record(
        connection, author=author, action="test channel", subject=subject, about=EVERYTHING, before=None, after=after
    )
    return found
