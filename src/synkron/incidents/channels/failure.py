"""The time limit of a channel, and the error that it raises."""

from __future__ import annotations

from datetime import timedelta

LONGEST = timedelta(seconds=30)


class NotDelivered(Exception):
    """A channel did not deliver a message. The reason is our own text, never the service's."""
