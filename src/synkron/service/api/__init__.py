"""Synkron's HTTP API."""

from __future__ import annotations

from synkron.service.api.server import listening

__all__ = ["listening"]
