"""What is done with incidents: acknowledge them, silence what they are about, and end a silence.

All raise NotFound for an incident or silence that does not exist, or is of others than who asks is tied to, Refused for
what is not possible now, and a Problem (404, 422) for a field that can't be read.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from synkron.incidents.lifecycle import Silence
from synkron.incidents.store import incident
from synkron.operations import acknowledge as acknowledging
from synkron.operations import silences
from synkron.operations.scope import read_names
from synkron.operations.silences import AskedSilence
from synkron.service.api.problem import Problem
from synkron.service.dashboard.actions.asked import Asked, Preview
from synkron.service.dashboard.subjects import names_first

USUAL = timedelta(hours=4)


async def would_acknowledge(asked: Asked, _: datetime) -> Preview:
    """Say which incident is meant, by its title."""
    found = await acknowledging.plan_acknowledge(asked.connection, asked.number("incident"), within=asked.within)
    return Preview(found.condition.title)


async def acknowledge(asked: Asked) -> str:
    """Acknowledge the incident: nobody is reminded of it any more. Say its number."""
    number = asked.number("incident")
    await acknowledging.acknowledge(asked.connection, number, asked.author, within=asked.within)
    return asked.view.words.say("act.acknowledge.done", incident=str(number))


async def _silence_of(asked: Asked) -> AskedSilence:
    """The silence of what an incident is about: its endpoint, or its organization and type.

    Raises a Problem: 404 where there is no such incident, 409 where it is about everything.
    """
    found = await incident(asked.connection, asked.number("incident"))
    if found is None or asked.within not in (None, found[0].condition.org_id):
        raise Problem(404, f"There is no incident {asked.number('incident')}.")
    one = found[0].condition
    subject = Silence(endpoint=one.endpoint) if one.endpoint else Silence(one.org_id, one.integration_type)
    if subject == Silence():
        raise Problem(409, asked.view.words.say("act.silence.nothing"))
    return AskedSilence(subject, asked.reason, asked.length or USUAL)


async def would_silence(asked: Asked, now: datetime) -> Preview:
    """Say whom the silence is about, and how many open incidents it would cover."""
    words = asked.view.words
    wanted = await _silence_of(asked)
    plan = await silences.plan_silence(asked.connection, asked.settings, wanted, now, within=asked.within)
    subject, org_id = plan.subject, wanted.silence.org_id
    if org_id is not None:
        names = await read_names(asked.connection, asked.settings, [org_id])
        subject = names_first(names, org_id, wanted.silence.integration_type)
    return Preview(subject, [(words.say("act.covers"), words.number(len(plan.incidents)))])


async def silence(asked: Asked) -> str:
    """Silence what the incident is about, for four hours if no length is given; say until when."""
    made = await silences.silence(
        asked.connection, asked.settings, await _silence_of(asked), asked.author, within=asked.within
    )
    return asked.view.words.say("act.silence.done", until=f"{asked.view.clock(made.until)} UTC")


async def would_unsilence(asked: Asked, now: datetime) -> Preview:
    """Say what the silence is about, which is then announced again."""
    plan = await silences.plan_unsilence(
        asked.connection, asked.settings, asked.number("silence"), now, within=asked.within
    )
    return Preview(plan.subject)


async def unsilence(asked: Asked) -> str:
    """End the silence; say so."""
    await silences.unsilence(
        asked.connection, asked.settings, asked.number("silence"), asked.author, within=asked.within
    )
    return asked.view.words.say("act.unsilence.done")
