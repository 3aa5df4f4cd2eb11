"""Incidents: what an operator is told of, and when. Pure: conditions that hold, and incidents that are open, in."""

from synkron.incident.condition import Condition, Key, Kind
from synkron.incident.joining import FLEET
from synkron.incident.message import Message, Tone, facts_of, instant, message_of, touched, trial
from synkron.incident.plan import Change, Incident, Known, Occasion, Rules, Silence, Transition, plan

__all__ = [
    "FLEET",
    "Change",
    "Condition",
    "Incident",
    "Key",
    "Kind",
    "Known",
    "Message",
    "Occasion",
    "Rules",
    "Silence",
    "Tone",
    "Transition",
    "facts_of",
    "instant",
    "message_of",
    "plan",
    "touched",
    "trial",
]
