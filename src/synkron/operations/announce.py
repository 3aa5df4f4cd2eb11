"""Try out the channels that incidents are announced to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from synkron.errors import NotFound
from synkron.incidents.channels import open_channels
from synkron.incidents.message import trial
from synkron.runtime import wall_clock
from synkron.settings.load import Settings


@dataclass(frozen=True, slots=True)
class TriedChannel:
    """A channel, its kind, and whether it took its message; if not, why."""

    channel: str
    kind: str
    delivered: bool
    error: str | None


def plan_try_channels(settings: Settings, channel: str | None = None) -> list[TriedChannel]:
    """The channels that would be tried, none of which has taken its message. Raises NotFound."""
    known = settings.announce.channels
    if channel is not None and channel not in known:
        raise NotFound(f'There is no channel "{channel}". The settings know {", ".join(known) or "none"}.')
    return [
        TriedChannel(name, "webhook" if one.webhook else "apprise", delivered=False, error=None)
        for name, one in known.items()
        if channel in (None, name)
    ]


async def try_channels(
    settings: Settings, environment: Mapping[str, str], channel: str | None = None
) -> Sequence[TriedChannel]:
    """Send a test message to each channel, or to this one, once. Raises NotFound and SettingsError."""
    planned = plan_try_channels(settings, channel)
    async with open_channels(settings, environment) as channels:
        message = trial(uuid4().hex, wall_clock())
        errors = await asyncio.gather(*(channels.send(one.channel, message) for one in planned))
    return [
        TriedChannel(one.channel, one.kind, delivered=error is None, error=error)
        for one, error in zip(planned, errors, strict=True)
    ]
