"""How conditions write moments, organizations and figures, and when many become one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from synkron.text import called

# More conditions than this that differ only in whom they affect become one.
MOST_APART = 20
# How many organizations a condition names by their ids.
MOST_IDS = 20

Names = Mapping[str, str]
"""The names of organizations by their ids."""


def organization(org_id: str, names: Names) -> str:
    """The organization's name, or its id if it has none."""
    return called(names.get(org_id), f"organization {org_id}")


def moment(at: datetime) -> str:
    """An instant, with seconds unless it is on the minute."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"


def touched(org_ids: Iterable[str], **figures: object) -> dict[str, object]:
    """The ``touches`` of a condition: the affected organizations, each once, and figures."""
    distinct = list(dict.fromkeys(org_ids))
    return {"organizations": distinct[:MOST_IDS], "organizations_total": len(distinct), **figures}


def listed(names: Sequence[str], most: int = 5) -> str:
    """``bufdir, dynamics``; if there are many, the first ones and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
