"""How long a target had been up when it answered, as it says itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from synkron.runtime import SteadyClock

BOOTED_AT = "Synkron-Booted-At"


class Uptime:
    """Measures one call, which begins now, when the database's clock shows ``at``."""

    def __init__(self, at: datetime, clock: SteadyClock) -> None:
        self._at = at
        self._clock = clock
        self._began = clock()
        # Of a target that booted during the call it is below zero.
        self._before: timedelta | None = None

    @property
    def elapsed(self) -> timedelta:
        """How long the call has taken so far."""
        return timedelta(seconds=max(self._clock() - self._began, 0.0))

    def hear(self, headers: Mapping[str, str]) -> None:
        """The head of the answer has come just now. A body may take its time, in which the target grows older."""
        if BOOTED_AT in headers:
            elapsed = self.elapsed
            uptime = uptime_in(headers, self._at + elapsed)
            self._before = None if uptime is None else uptime - elapsed

    def now(self) -> timedelta | None:
        """For how long the target has been up by now; None where it does not say."""
        return None if self._before is None else self._before + self.elapsed


def uptime_in(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """For how long it had been up when it answered; None where it does not say, or nothing that is an instant.

    Clocks differ, so both ends are taken from one: the answer's Date, which has whole seconds and is rounded down. The
    uptime is therefore right or up to a second too short, so that a cold start is never taken for a warm one; a target
    that booted within the second before the request may be taken for cold. Without a Date, ``at`` stands for it.
    """
    try:
        booted_at = datetime.fromisoformat(headers[BOOTED_AT].strip())
    except (KeyError, ValueError):
        return None
    return max(answered_at(headers, at) - in_utc(booted_at), timedelta())


def answered_at(headers: Mapping[str, str], at: datetime) -> datetime:
    """When the answer was made by the far side's own clock; ``at`` where it does not say."""
    try:
        return in_utc(parsedate_to_datetime(headers["Date"]))
    except (KeyError, ValueError, OverflowError):
        return at


def in_utc(moment: datetime) -> datetime:
    """The moment, which is one of UTC where it names no zone."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
