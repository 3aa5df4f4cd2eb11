"""What is done with incidents: acknowledge them, silence what they are about, and end a silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from synkron.incidents.lifecycle import Silence
from synkron.incidents.store import incident
from synkron.operations import acknowledge as acknowledging
from synkron.operations import silences
from synkron.operations.silences import AskedSilence
from synkron.service.api.problem import Problem
from synkron.service.dashboard.actions.asked import Asked, Preview

USUAL = timedelta(hours=4)


async def would_acknowledge(asked: Asked, _: datetime) -> Preview:
    """Who would be told no more of it."""
    found = await acknowledging.plan_acknowledge(asked.connection, asked.number("incident"), within=asked.within)
    return Preview(found.condition.title)


async def acknowledge(asked: Asked) -> str:
    """Acknowledge the incident."""
    number = asked.number("incident")
    await acknowledging.acknowledge(asked.connection, number, asked.author, within=asked.within)
    return asked.view.words.say("act.acknowledge.done", incident=str(number))


async def _silence_of(asked: Asked) -> AskedSilence:
    """What an incident is about: its endpoint, or its organization and type."""
    found = await incident(asked.connection, asked.number("incident"))
    if found is None or asked.within not in (None, found[0].condition.org_id):
        raise Problem(404, f"There is no incident {asked.number('incident')}.")
    one = found[0].condition
    subject = Silence(endpoint=one.endpoint) if one.endpoint else Silence(one.org_id, one.integration_type)
    if subject == Silence():
        raise Problem(409, asked.view.words.say("act.silence.nothing"))
    return AskedSilence(subject, asked.reason, asked.length or USUAL)


async def would_silence(asked: Asked, now: datetime) -> Preview:
    """What the silence would cover."""
    words = asked.view.words
    plan = await silences.plan_silence(
        asked.connection, asked.settings, await _silence_of(asked), now, within=asked.within
    )
    return Preview(plan.subject, [(words.say("act.covers"), words.number(len(plan.incidents)))])


async def silence(asked: Asked) -> str:
    """Silence what the incident is about."""
    made = await silences.silence(
        asked.connection, asked.settings, await _silence_of(asked), asked.author, within=asked.within
    )
    return asked.view.words.say("act.silence.done", until=f"{asked.view.clock(made.until)} UTC")


async def would_unsilence(asked: Asked, now: datetime) -> Preview:
    """Of what is announced again."""
    plan = await silences.plan_unsilence(
        asked.connection, asked.settings, asked.number("silence"), now, within=asked.within
    )
    return Preview(plan.subject)


async def unsilence(asked: Asked) -> str:
    """End the silence."""
    await silences.unsilence(
        asked.connection, asked.settings, asked.number("silence"), asked.author, within=asked.within
    )
    return asked.view.words.say("act.unsilence.done")
