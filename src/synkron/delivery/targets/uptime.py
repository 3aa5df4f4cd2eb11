"""How long a target had been up when it answered, according to its own header."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from synkron.http import http_date
from synkron.runtime import SteadyClock

BOOTED_AT = "Synkron-Booted-At"


class Uptime:
    """Measures one call that begins now. The database's clock shows ``at``."""

    def __init__(self, at: datetime, clock: SteadyClock) -> None:
        self._at = at
        self._clock = clock
        self._began = clock()
        # Below zero if the target booted during the call.
        self._before: timedelta | None = None

    @property
    def elapsed(self) -> timedelta:
        """How long the call has taken so far."""
        return timedelta(seconds=max(self._clock() - self._began, 0.0))

    def note_call(self, headers: Mapping[str, str]) -> None:
        """Read the headers, which have just arrived. The body may take longer; ``now`` adds that time to the uptime."""
        if BOOTED_AT in headers:
            elapsed = self.elapsed
            uptime = uptime_in(headers, self._at + elapsed)
            self._before = None if uptime is None else uptime - elapsed

    def now(self) -> timedelta | None:
        """How long the target has been up by now; None if it does not say."""
        return None if self._before is None else self._before + self.elapsed


def uptime_in(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """How long the target had been up when it answered; None if it does not say, or if the header is not an instant.

    Clocks differ, so both ends are taken from the target's clock: the answer's Date has whole seconds and is rounded
    down. The uptime is therefore right or up to a second too short. So a cold start never counts as warm, but a target
    that booted within the second before the request may count as cold. Without a Date, ``at`` is used instead.
    """
    try:
        booted_at = datetime.fromisoformat(headers[BOOTED_AT].strip())
    except (KeyError, ValueError):
        return None
    if booted_at.tzinfo is None:
        booted_at = booted_at.replace(tzinfo=UTC)
    return max(answered_at(headers, at) - booted_at, timedelta())


def answered_at(headers: Mapping[str, str], at: datetime) -> datetime:
    """When the answer was made by the target's own clock; ``at`` if it does not say."""
    try:
        return http_date(headers["Date"])
    except (KeyError, ValueError, OverflowError):
        return at
