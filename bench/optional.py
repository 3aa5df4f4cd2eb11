"""The packages that only some comparisons and the plots need."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def optional(module: str) -> Any | None:  # noqa: ANN401  a module, which may have no types
    """The module; None, and a message, where its package is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        print(f"{module} is left out ({error}): `script/setup bench` installs it", file=sys.stderr)
        return None
