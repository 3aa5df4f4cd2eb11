"""Synkron: fires the scheduled syncs of many organizations, once per period, and keeps the proof.

All that a program may import is here and in ``synkron.cron``. The other modules may change with any release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.delivery.completion import complete_run
    from synkron.errors import DatabaseError, NotFound, Refused, SettingsError, SynkronError
    from synkron.model import DueIntegration, Fault, InvalidIntegration, Outcome, OutcomeKind, Run
    from synkron.scheduler.tick import tick
    from synkron.settings.load import Settings, load_settings
    from synkron.settings.sections import SourceTables
    from synkron.source.data_api.client import DataApi
    from synkron.source.schedule import DueRead, read_due_integrations, read_schedule
    from synkron.source.synchronous import read_due_integrations_sync

    __version__: str

__all__ = [
    "DataApi",
    "DatabaseError",
    "DueIntegration",
    "DueRead",
    "Fault",
    "InvalidIntegration",
    "NotFound",
    "Outcome",
    "OutcomeKind",
    "Refused",
    "Run",
    "Settings",
    "SettingsError",
    "SourceTables",
    "SynkronError",
    "__version__",
    "complete_run",
    "load_settings",
    "read_due_integrations",
    "read_due_integrations_sync",
    "read_schedule",
    "tick",
]
_MODULES = {
    "DataApi": "source.data_api.client",
    "DatabaseError": "errors",
    "DueIntegration": "model",
    "DueRead": "source.schedule",
    "Fault": "model",
    "InvalidIntegration": "model",
    "NotFound": "errors",
    "Outcome": "model",
    "OutcomeKind": "model",
    "Refused": "errors",
    "Run": "model",
    "Settings": "settings.load",
    "SettingsError": "errors",
    "SourceTables": "settings.sections",
    "SynkronError": "errors",
    "complete_run": "delivery.completion",
    "load_settings": "settings.load",
    "read_due_integrations": "source.schedule",
    "read_due_integrations_sync": "source.synchronous",
    "read_schedule": "source.schedule",
    "tick": "scheduler.tick",
}


def __getattr__(name: str) -> object:
    """Import a name when it is used: the command line starts without the driver and the settings."""
    if name == "__version__":
        from synkron.runtime import installed_version

        return installed_version()
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"synkron.{_MODULES[name]}"), name)
    return found
