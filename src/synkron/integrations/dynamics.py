"""Microsoft Dynamics."""

from __future__ import annotations

from synkron.integrations.profile import Profile

DYNAMICS = Profile(name="dynamics", title="Microsoft Dynamics")
