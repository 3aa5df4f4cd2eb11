"""How long a channel may take, and what it raises."""

from __future__ import annotations

from datetime import timedelta

LONGEST = timedelta(seconds=30)


class NotDelivered(Exception):
    """A channel did not take a message. The reason is in words of our own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
