"""Warm-up: a request to each target that will be called soon, so that it is warm when its runs begin."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from yarl import URL

from synkron.delivery.targets import Target
from synkron.delivery.targets.http import HttpTarget, WarmUpResult
from synkron.delivery.warm_up.warmth import warmth_by_header
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from synkron.settings.policy import needs_warm_up

SQL = statements("delivery/warm_up/send")
# A warm-up has the half minute before the moment, without its last seconds, which belong to the runs.
LONGEST = timedelta(seconds=25)
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """One warm-up. ``types`` are those that need it, the first run of which comes at ``moment``.

    ``sharing`` are all types that call the target.
    """

    target: HttpTarget
    types: tuple[str, ...]
    sharing: tuple[str, ...]
    moment: datetime

    @property
    def name(self) -> str:
        """The warm-up's own id, which its signature covers."""
        return f"warm-up-{self.types[0]}-{self.moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


# requirement R16.2
async def warm_up(
    connection: Executor, targets: Mapping[str, Target], claimed: Mapping[str, datetime], settings: Settings
) -> list[tuple[WarmUp, WarmUpResult]]:
    """Warm up the targets of the types in ``claimed``, which has the moment of each type's first run (``Tick.ahead``).

    1. Read the database's clock, and when each target was last called.
    2. Take the HTTP targets that will be cold at their moment. Types with the same address share one warm-up; types
       whose settings turn warm-up off need none.
    3. Send one request to each, all at the same time. None may take longer than until the moment.
    4. Record the results.

    Errors of a target are recorded and not raised; errors of the database are raised. If it is given a pool, it holds
    no connection during the requests.
    """
    http = {name: target for name, target in sorted(targets.items()) if isinstance(target, HttpTarget)}
    wanted = {name: claimed[name] for name in http if name in claimed and settings.types[name].warm_up.enabled}
    if not wanted:
        return []
    rows = await connection.fetch(SQL["last_met"], list(targets))
    at: datetime = rows[0]["at"]
    met = {row["integration_type"]: row["met_at"] for row in rows if row["met_at"] is not None}
    due = list(_due(http, wanted, settings, met, at))
    receptions = await asyncio.gather(*(one.target.warm_up(one.name, at, min(one.moment - at, LONGEST)) for one in due))
    sent = list(zip(due, receptions, strict=True))
    if sent:
        await _record(connection, sent, at)
    return sent


async def forget_warm_ups(connection: Executor, now: datetime) -> None:
    """Delete the warm-ups that are older than a week."""
    await connection.execute(SQL["forget"], now - KEPT)


def _due(
    http: Mapping[str, HttpTarget],
    wanted: Mapping[str, datetime],
    settings: Settings,
    met: Mapping[str, datetime],
    at: datetime,
) -> Iterator[WarmUp]:
    """The warm-up of each address that will be cold, unless it is too late."""
    shared: dict[URL, list[str]] = defaultdict(list)
    for name, target in http.items():
        shared[target.address].append(name)
    for sharing in shared.values():
        met_at = max((met[name] for name in sharing if name in met), default=None)
        types = [
            name
            for name in sorted(wanted.keys() & sharing, key=lambda name: (wanted[name], name))
            if wanted[name] > at and needs_warm_up(met_at, wanted[name], settings.types[name].keep_warm)
        ]
        if types:
            yield WarmUp(http[types[0]], tuple(types), tuple(sharing), wanted[types[0]])


async def _record(connection: Executor, sent: list[tuple[WarmUp, WarmUpResult]], at: datetime) -> None:
    """Record each warm-up under the first of its types. Without an answer, the target does not count as called."""
    met = sorted(
        (name, at + reception.duration)
        for one, reception in sent
        if reception.http_status is not None
        for name in one.sharing
    )
    await connection.execute(
        SQL["record"],
        at,
        [one.types[0] for one, _ in sent],
        [one.moment for one, _ in sent],
        [reception.http_status for _, reception in sent],
        [reception.duration for _, reception in sent],
        [warmth_by_header(reception.duration, reception.uptime) for _, reception in sent],
        [reception.error for _, reception in sent],
        [name for name, _ in met],
        [met_at for _, met_at in met],
    )
