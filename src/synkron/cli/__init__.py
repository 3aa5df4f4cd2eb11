"""The command ``synkron``: the composition root, where settings, database, clock and environment come together."""

from __future__ import annotations

from synkron.cli.app import main

__all__ = ["main"]
