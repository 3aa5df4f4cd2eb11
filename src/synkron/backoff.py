"""How long to wait before something is tried again, and how equals are spread out. Pure."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

Length = TypeVar("Length", float, timedelta)


def doubled(first: Length, times: int, longest: Length) -> Length:
    """The first wait, doubled so many times; at most the longest, or the first where that is longer."""
    return min(first * (1 << min(max(times, 0), 16)), max(longest, first))


def apart(wait: timedelta, lot: str) -> timedelta:
    """Up to a tenth longer, depending on ``lot`` alone, so that what failed together is not tried again together."""
    return wait * (1 + share(lot) / 10)


def share(lot: str) -> float:
    """A number from 0 up to 1 that looks random and is the same for the same text."""
    return int.from_bytes(sha256(lot.encode()).digest()[:4], "big") / 2**32
