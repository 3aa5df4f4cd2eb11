"""The processes that work on a database. Each reports itself and how far its host's clock is off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.runtime import WallClock, log, tzdata_version

SQL = statements("ledger/nodes")
REPORT_EVERY = timedelta(seconds=10)
MISSED_REPORTS = 3
NOTABLE_SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Node:
    """A process as it reported itself. ``skew`` is its host's clock minus the database's.

    ``tzdata`` is the version of its rules for time zones, None if it is not known. ``address`` is where its API
    answers, None if it has none.
    ``state`` is ``running``, ``stopped`` (it said so) or ``lost`` (it has been silent for too long).
    """

    name: str
    roles: tuple[str, ...]
    version: str
    started_at: datetime
    seen_at: datetime
    skew: timedelta
    tzdata: str | None
    address: str | None
    state: str


async def nodes(connection: Executor, heartbeat: timedelta) -> list[Node]:
    """The processes of the last seven days, the most recently seen first."""
    rows = await connection.fetch(SQL["nodes"], silence(heartbeat))
    return [Node(**{**row, "roles": tuple(row["roles"])}) for row in rows]


def silence(heartbeat: timedelta) -> timedelta:
    """After how long without a report a process is lost."""
    return max(REPORT_EVERY * MISSED_REPORTS, heartbeat)


async def clock_skew(connection: Connection, clock: WallClock) -> tuple[datetime, timedelta]:
    """The database's time, and this host's minus that, measured at the middle of a round trip."""
    before = clock()
    now: datetime = await connection.fetchval(SQL["clock"])
    return now, before + (clock() - before) / 2 - now


class Reporter:
    """Reports one process, and warns if its host's clock is off. That clock decides nothing."""

    def __init__(
        self, name: str, roles: Collection[str], release: str, clock: WallClock, address: str | None = None
    ) -> None:
        self._name = name
        self._roles = list(roles)
        self._release = release
        self._clock = clock
        self._address = address
        self._started_at: datetime | None = None
        self._warned = timedelta()

    async def report(self, connection: Connection) -> timedelta:
        """Report that the process is running. Returns its host's skew."""
        now, skew = await clock_skew(connection, self._clock)
        self._started_at = self._started_at or now
        own = self._name, self._roles, self._release, self._started_at
        await connection.execute(SQL["report"], *own, skew, tzdata_version(), self._address)
        self._warn(skew)
        return skew

    async def stop(self, connection: Connection) -> None:
        """Report that the process ends normally."""
        await connection.execute(SQL["stop"], self._name, self._roles)

    def _warn(self, skew: timedelta) -> None:
        """Log once if the clock is off, once if that changes notably, and once when it is right again."""
        is_off = abs(skew) > NOTABLE_SKEW
        if is_off and abs(skew - self._warned) > NOTABLE_SKEW:
            log.warning(
                "this host's clock is off",
                skew_s=round(skew.total_seconds(), 1),
                reason="it differs from the database's clock; it decides nothing, but correct it (NTP)",
            )
            self._warned = skew
        elif not is_off and self._warned:
            log.info("this host's clock is right again", skew_s=round(skew.total_seconds(), 1))
            self._warned = timedelta()
