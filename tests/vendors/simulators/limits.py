"""How many requests a vendor takes within a time."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta


class SlidingWindow:
    """At most ``limit`` requests within any ``span``. Refused ones are not counted."""

    def __init__(self, limit: int, span: timedelta) -> None:
        self.limit = limit
        self.span = span
        self._admitted: deque[datetime] = deque()

    def admit(self, at: datetime) -> bool:
        """Whether one more fits at that moment; if so, it is counted."""
        while self._admitted and self._admitted[0] + self.span <= at:
            self._admitted.popleft()
        if len(self._admitted) >= self.limit:
            return False
        self._admitted.append(at)
        return True

    def has_room_from(self, at: datetime) -> datetime:
        """When the oldest of a full window leaves it."""
        return self._admitted[0] + self.span if self._admitted else at
