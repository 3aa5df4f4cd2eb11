"""What Synkron answers over HTTP."""

from __future__ import annotations

from synkron.service.api.server import listening

__all__ = ["listening"]
