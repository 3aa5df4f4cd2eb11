"""How conditions name moments, organizations and figures, and when many become one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

# So many conditions that differ in nothing but whom they touch stand apart; more are one.
MOST_APART = 20
# So many organizations are named by their ids.
MOST_IDS = 20

Names = Mapping[str, str]
"""What organizations are called, by their ids."""


def called(org_id: str, names: Names) -> str:
    """The organization's name; its id where it has none."""
    return names.get(org_id) or f"organization {org_id}"


def moment(at: datetime) -> str:
    """An instant, to the second where it is not on the minute."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"


def touched(org_ids: Iterable[str], **figures: object) -> dict[str, object]:
    """Whom a condition touches, as its ``touches``: the organizations, each once, and figures."""
    distinct = list(dict.fromkeys(org_ids))
    return {"organizations": distinct[:MOST_IDS], "organizations_total": len(distinct), **figures}


def listed(names: Sequence[str], most: int = 5) -> str:
    """``bufdir, dynamics``; of many, the first and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
