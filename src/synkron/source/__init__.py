"""The application's own two tables: they are read and checked, never written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.source.data_api.client import DataApi

__all__ = ["DataApi"]


def __getattr__(name: str) -> object:
    """Import ``DataApi`` when it is used: a command starts without the HTTP client."""
    if name != "DataApi":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from synkron.source.data_api.client import DataApi

    return DataApi
