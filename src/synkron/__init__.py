"""Synkron: fires the scheduled syncs of many organizations, once per period, and keeps the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.model import DueIntegration
    from synkron.reader import read_due_integrations

__all__ = ["DueIntegration", "read_due_integrations"]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: the command line answers at once, without driver and settings."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from synkron import model, reader

    return {"DueIntegration": model.DueIntegration, "read_due_integrations": reader.read_due_integrations}[name]
