"""Incidents: what an operator is told, and when. Pure: current conditions and open incidents in, transitions out."""

from synkron.incidents.condition import Condition, Key, Kind
from synkron.incidents.grouping import FLEET
from synkron.incidents.lifecycle import Change, Incident, Known, Occasion, Rules, Silence, Transition, plan
from synkron.incidents.message import Message, Tone, facts_of, message_of, touched, trial

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
    "message_of",
    "plan",
    "touched",
    "trial",
]
