"""The database's clock, made to run fast and to step: functions that stand before PostgreSQL's own in the search path.

The clock is a few straight pieces, written into the functions as constants. They depend on PostgreSQL's own
``now()`` alone, so time stands still within a transaction as it does in production, also across a step: a step is
announced for a moment just ahead, and a transaction that began before that moment never sees it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.conftest import Connection

# Time for the new functions to be committed before the step's moment comes.
AHEAD = timedelta(seconds=1)
PROCLAIMED = {
    "now": "stable",
    "transaction_timestamp": "stable",
    "statement_timestamp": "stable",
    "clock_timestamp": "volatile",
}


def host_time() -> datetime:
    """This host's clock, which PostgreSQL's commit timestamps are taken from too."""
    return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - it orders what happens on this one host


@dataclass(frozen=True)
class Piece:
    """From the host's moment ``real`` on, the clock shows ``shown`` and runs at its speed."""

    real: datetime
    shown: datetime


@dataclass
class Clock:
    """The calendar's clock: ``speed`` times as fast as the host's, from ``origin`` on."""

    speed: float
    origin: datetime
    pieces: list[Piece] = field(default_factory=list)

    async def install(self, connection: Connection, database: str, role: str) -> None:
        """Give the database its clock. Connections made from now on have it."""
        self.pieces = [Piece(host_time(), self.origin)]
        await connection.execute("create schema fast_clock")
        await self._proclaim(connection)
        await connection.execute(f"grant usage on schema fast_clock to {role}")
        await connection.execute(f"alter database {database} set search_path = fast_clock, pg_catalog, public")

    async def step(self, connection: Connection, by: timedelta) -> None:
        """Step the clock, a moment from now."""
        real = host_time() + AHEAD
        self.pieces.append(Piece(real, self.shown(real) + by))
        await self._proclaim(connection)
        if host_time() >= real:
            raise RuntimeError("The step of the clock was committed after its moment: this machine is too slow.")

    def shown(self, real: datetime) -> datetime:
        """What the clock shows at a moment of the host's."""
        piece = next((one for one in reversed(self.pieces) if one.real <= real), self.pieces[0])
        return piece.shown + (real - piece.real) * self.speed

    def real(self, seconds: float) -> float:
        """How long so many seconds of the calendar take."""
        return seconds / self.speed

    async def _proclaim(self, connection: Connection) -> None:
        async with connection.transaction():
            for name, volatility in PROCLAIMED.items():
                await connection.execute(
                    f"create or replace function fast_clock.{name}() returns timestamptz language sql {volatility} "
                    f"as $$ select {self._expression(f'pg_catalog.{name}()')} $$"
                )

    def _expression(self, real: str) -> str:
        cases = [
            f"when {real} >= '{one.real.isoformat()}' or {number == 0} "
            f"then '{one.shown.isoformat()}'::timestamptz + ({real} - '{one.real.isoformat()}') * {self.speed}"
            for number, one in reversed(list(enumerate(self.pieces)))
        ]
        return f"case {' '.join(cases)} end"
