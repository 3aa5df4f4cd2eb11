"""What Synkron knows of an integration type."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """``name`` is what stands in the table's column ``integration_type``; ``title`` is for people."""

    name: str
    title: str
