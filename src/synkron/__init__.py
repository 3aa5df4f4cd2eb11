"""Synkron: fires the scheduled syncs of many organizations, once per period, and keeps the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.delivery.completion import complete_run
    from synkron.model import DueIntegration
    from synkron.source.reader import read_due_integrations

__all__ = ["DueIntegration", "complete_run", "read_due_integrations"]
_MODULES = {"DueIntegration": "model", "complete_run": "delivery.completion", "read_due_integrations": "source.reader"}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: the command line answers at once, without driver and settings."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"synkron.{_MODULES[name]}"), name)
    return found
