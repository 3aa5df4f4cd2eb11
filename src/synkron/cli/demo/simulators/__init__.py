"""Simulated vendors: real HTTP servers on loopback, which behave, refuse and fail as the real ones are known to."""

from __future__ import annotations

from synkron.cli.demo.simulators.bufdir import Bufdir, bufdir
from synkron.cli.demo.simulators.business_central import BusinessCentral, business_central
from synkron.cli.demo.simulators.serving import Outage, Received, SimulatedFault, Simulator
from synkron.cli.demo.simulators.xledger import Xledger, xledger

__all__ = [
    "Bufdir",
    "BusinessCentral",
    "Outage",
    "Received",
    "SimulatedFault",
    "Simulator",
    "Xledger",
    "bufdir",
    "business_central",
    "xledger",
]
