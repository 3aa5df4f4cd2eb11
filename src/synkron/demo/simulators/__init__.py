"""Simulated vendors: real HTTP servers on loopback, which behave, refuse and fail as the real ones are known to."""

from __future__ import annotations

from synkron.demo.simulators.bufdir import Bufdir, bufdir
from synkron.demo.simulators.business_central import BusinessCentral, business_central
from synkron.demo.simulators.dataverse import Dataverse, dataverse
from synkron.demo.simulators.edge_function import EdgeFunction, edge_function
from synkron.demo.simulators.serving import Fault, Outage, Received, Simulator
from synkron.demo.simulators.xledger import Xledger, xledger

__all__ = [
    "Bufdir",
    "BusinessCentral",
    "Dataverse",
    "EdgeFunction",
    "Fault",
    "Outage",
    "Received",
    "Simulator",
    "Xledger",
    "bufdir",
    "business_central",
    "dataverse",
    "edge_function",
    "xledger",
]
