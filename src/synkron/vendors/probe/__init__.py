"""Probes: the lightest request that shows whether a vendor answers, and how its answer is judged."""

from __future__ import annotations

from synkron.vendors.probe.prober import Prober, open_prober
from synkron.vendors.probe.request import Credentials, ProbeRequest, method_for
from synkron.vendors.watches import Watches, read_watches, watches_of

__all__ = [
    "Credentials",
    "ProbeRequest",
    "Prober",
    "Watches",
    "method_for",
    "open_prober",
    "read_watches",
    "watches_of",
]
