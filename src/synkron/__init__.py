"""Fires the scheduled syncs of many organizations: exactly one run per period, delivered at least once, and the proof.

All that a program may import is here and in ``synkron.cron``. The other modules may change with any release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.delivery.completion import complete_run
    from synkron.errors import DatabaseError, NotFound, Refused, SettingsError, SynkronError
    from synkron.model import DueIntegration, Fault, InvalidIntegration, Outcome, OutcomeKind, Run
    from synkron.scheduler.tick import tick
    from synkron.service.application import running
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
    "running",
    "tick",
]
_MODULES = {
    "delivery.completion": ["complete_run"],
    "errors": ["DatabaseError", "NotFound", "Refused", "SettingsError", "SynkronError"],
    "model": ["DueIntegration", "Fault", "InvalidIntegration", "Outcome", "OutcomeKind", "Run"],
    "scheduler.tick": ["tick"],
    "service.application": ["running"],
    "settings.load": ["Settings", "load_settings"],
    "settings.sections": ["SourceTables"],
    "source.data_api.client": ["DataApi"],
    "source.schedule": ["DueRead", "read_due_integrations", "read_schedule"],
    "source.synchronous": ["read_due_integrations_sync"],
}


def __getattr__(name: str) -> object:
    """Import a name when it is used: the command line starts without the driver and the settings."""
    if name == "__version__":
        from synkron.runtime import installed_version

        return installed_version()
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            found: object = getattr(import_module(f"synkron.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names, before they are imported too: ``help(synkron)`` and completion show them."""
    return sorted({*globals(), *__all__})
