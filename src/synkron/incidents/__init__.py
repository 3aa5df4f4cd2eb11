"""Incidents: what an operator is told, and when. Pure: current conditions and open incidents in, transitions out."""

from synkron.incidents.condition import Condition, IncidentKind, Key
from synkron.incidents.grouping import FLEET
from synkron.incidents.lifecycle import (
    Incident,
    IncidentChange,
    Occasion,
    OpenIncidents,
    Rules,
    Silence,
    Transition,
    plan,
)
from synkron.incidents.message import Message, Tone, facts_of, message_of, touched, trial

__all__ = [
    "FLEET",
    "Condition",
    "Incident",
    "IncidentChange",
    "IncidentKind",
    "Key",
    "Message",
    "Occasion",
    "OpenIncidents",
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
