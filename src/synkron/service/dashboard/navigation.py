"""The pages that are reached from every page, and the keys that lead there."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A page: its name in the words, its path, and the letter that follows ``g``."""

    name: str
    path: str
    letter: str


# By what people come for. The pages of an integration and of a run are reached from these.
GROUPS: dict[str, tuple[Entry, ...]] = {
    "now": (
        Entry("overview", "/", "o"),
        Entry("timeline", "/timeline", "t"),
        Entry("incidents", "/incidents", "i"),
        Entry("pauses", "/pauses", "p"),
        Entry("health", "/health", "h"),
    ),
    "past": (
        Entry("night", "/night", "n"),
        Entry("runs", "/runs", "r"),
        Entry("heat", "/heat", "m"),
        Entry("drift", "/drift", "d"),
    ),
    "tools": (
        Entry("lab", "/lab", "l"),
        Entry("setup", "/setup", "s"),
        Entry("audit", "/audit", "a"),
    ),
}
