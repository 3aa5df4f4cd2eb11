"""Xledger."""

from __future__ import annotations

from synkron.integrations.profile import Profile

XLEDGER = Profile(name="xledger", title="Xledger")
