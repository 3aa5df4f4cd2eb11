"""A clock for simulated time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class SteppedClock:
    """It stands still, at noon at first, until it is stepped."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def step(self, **span: float) -> None:
        """Go on by that span, named as timedelta names its parts."""
        self.now += timedelta(**span)
