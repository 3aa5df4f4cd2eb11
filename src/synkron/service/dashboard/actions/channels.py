"""What is done with a channel: a test message is sent to it."""

from __future__ import annotations

from datetime import datetime

from synkron.operations.announce import plan_try_channels
from synkron.service.api.problem import Problem
from synkron.service.api.trials import alone, tried
from synkron.service.dashboard.actions.asked import Asked, Preview


async def would_try(asked: Asked, _: datetime) -> Preview:
    """To which channel, of which kind, a message would go."""
    [planned] = plan_try_channels(asked.settings, _named(asked))
    return Preview(planned.channel, [(asked.view.words.say("incident.channel"), planned.kind)])


async def try_one(asked: Asked) -> str:
    """Send the message, and say whether it was taken. Raises a Problem (409) if it was not."""
    say, name = asked.view.words.say, _named(asked)
    async with alone(asked.parts):
        [found] = await tried(asked.parts, asked.connection, name, asked.author)
    if not found.delivered:
        raise Problem(409, say("act.try_channel.refused", channel=name, error=found.error or ""))
    return say("act.try_channel.done", channel=name)


def _named(asked: Asked) -> str:
    """The channel. Raises a Problem (403) for who is tied to one organization: the channels are of all."""
    if asked.within is not None:
        raise Problem(403, f"this is about all organizations, and {asked.author} is tied to one")
    return asked.text("channel")
