"""Forecasts the fleet in the database, under the current and the proposed policies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import LedgerMissing, ServiceRoleRequired
from synkron.model import Window
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.reports.forecast.fires import Group, count_fires
from synkron.reports.forecast.outlook import Forecast, forecast
from synkron.runtime import by_turns
from synkron.scheduler.holds import read_in_effect
from synkron.settings.load import Settings
from synkron.settings.policy import Policy
from synkron.source.queries import SourceQueries
from synkron.source.reader import zone_of


@dataclass(frozen=True, slots=True)
class ComparedForecast:
    """The forecast with the current policies (``as_set``) and with the ``proposed`` ones, if any.

    The forecast ignores the active ``pauses``, which are counted. None: the role may not read Synkron's own tables, so
    the forecast ignores overrides too.
    """

    as_set: Forecast
    proposed: Forecast | None
    pauses: int | None

    @property
    def forecasts(self) -> list[Forecast]:
        """The current forecast, and the proposed one if there is one."""
        return [one for one in (self.as_set, self.proposed) if one is not None]


async def forecast_fleet(
    connection: Connection,
    settings: Settings,
    now: datetime,
    hours: int,
    *,
    integration_type: str | None = None,
    proposed: Mapping[str, Policy] | None = None,
) -> ComparedForecast:
    """Forecast the whole minutes of the next ``hours``; ``proposed`` replaces the policies of the types in it."""
    begin = now.replace(second=0, microsecond=0)
    window = Window(begin, begin + timedelta(hours=hours))
    source = SourceQueries(settings.source)
    own_spreads, pauses = await _read_standing(connection, source, now)
    statement = source.sql("reports/forecast/store")["groups"]
    async with source.reading(connection):
        rows = await connection.fetch(statement, list(own_spreads), list(own_spreads.values()), integration_type)
    groups = [read(Group, row, timezone=zone_of(row)) for row in rows]
    other = settings.policies | dict(proposed or {})
    spreads = [one.spread for one in (*settings.policies.values(), *other.values())]
    fires = await by_turns(count_fires(groups, window, settings.types, max([*spreads, *own_spreads.values()])))
    return ComparedForecast(
        await asyncio.to_thread(forecast, fires, settings.policies),
        await asyncio.to_thread(forecast, fires, other) if proposed else None,
        pauses,
    )


async def _read_standing(
    connection: Connection, source: SourceQueries, now: datetime
) -> tuple[dict[str, timedelta], int | None]:
    """The spreads that are overridden for single integrations, and the number of active pauses."""
    try:
        async with source.in_words():
            rows = await connection.fetch(source.sql("reports/forecast/store")["own_spreads"])
            pauses = await read_in_effect(connection, now)
    except LedgerMissing:
        return {}, 0
    except ServiceRoleRequired:
        return {}, None
    return {row["integration_id"]: row["spread"] for row in rows}, pauses.total
