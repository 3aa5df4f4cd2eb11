"""Bufdir."""

from __future__ import annotations

from synkron.integrations.profile import Profile

BUFDIR = Profile(name="bufdir", title="Bufdir")
