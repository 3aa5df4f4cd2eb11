"""Warm-up: a request to each target that will be called soon, so that it is warm when its runs begin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from yarl import URL

from synkron.delivery.targets import HttpTarget, Target, WarmUpResult
from synkron.delivery.warm_up.warmth import needs_warm_up, warmth_by_header
from synkron.model import Warmth
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements
from synkron.settings.load import Settings

SQL = statements("delivery/warm_up/send")
# A warm-up has the half minute before the moment, without its last seconds, which belong to the runs.
LONGEST = timedelta(seconds=25)
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """One warm-up: the types whose runs it serves, when the first of these runs comes, and the result.

    ``warmth`` is None if there was no answer, or if the target does not say when it booted.
    """

    integration_types: tuple[str, ...]
    scheduled_for: datetime
    reception: WarmUpResult
    warmth: Warmth | None


@dataclass(frozen=True, slots=True)
class _Due:
    """A target to warm up. ``types`` are those that need it, the earliest first; ``sharing`` are all that call it."""

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
) -> list[WarmUp]:
    """Warm up the targets of the types in ``claimed``, which has the moment of each type's first run (``Tick.ahead``).

    1. Read the database's clock, and when each target was last called.
    2. Take the HTTP targets that will be cold at their moment. Types with the same address share one warm-up; types
       whose settings turn warm-up off need none.
    3. Send one request to each, all at the same time. None may take longer than until the moment.
    4. Record the results.

    Errors of a target are recorded and not raised; errors of the database are raised. If it is given a pool, it holds
    no connection during the requests.
    """
    shared = _by_address(targets)
    if not any(_is_wanted(name, claimed, settings) for names in shared.values() for name in names):
        return []
    rows = await connection.fetch(SQL["last_met"], list(targets))
    at: datetime = rows[0]["at"]
    met = {row["integration_type"]: row["met_at"] for row in rows if row["met_at"] is not None}
    found = [_due(names, targets, claimed, settings, met, at) for names in shared.values()]
    due = [one for one in found if one is not None]
    receptions = await asyncio.gather(*(one.target.warm_up(one.name, at, min(one.moment - at, LONGEST)) for one in due))
    sent = list(zip(due, receptions, strict=True))
    if sent:
        await _record(connection, sent, at)
    return [_warm_up_of(one, reception) for one, reception in sent]


async def forget_warm_ups(connection: Executor, now: datetime) -> None:
    """Delete the warm-ups that are older than a week."""
    await connection.execute(SQL["forget"], now - KEPT)


def _by_address(targets: Mapping[str, Target]) -> dict[URL, list[str]]:
    shared: dict[URL, list[str]] = {}
    for name, target in sorted(targets.items()):
        if isinstance(target, HttpTarget):
            shared.setdefault(target.address, []).append(name)
    return shared


def _is_wanted(name: str, claimed: Mapping[str, datetime], settings: Settings) -> bool:
    return name in claimed and settings.types[name].warm_up.enabled


def _due(
    sharing: list[str],
    targets: Mapping[str, Target],
    claimed: Mapping[str, datetime],
    settings: Settings,
    met: Mapping[str, datetime],
    at: datetime,
) -> _Due | None:
    """The warm-up of the target that these types share; None if it needs none, or if it is too late."""
    met_at = max((met[name] for name in sharing if name in met), default=None)
    types = sorted(
        (
            name
            for name in sharing
            if _is_wanted(name, claimed, settings)
            and claimed[name] > at
            and needs_warm_up(met_at, claimed[name], settings.types[name].keep_warm)
        ),
        key=lambda name: claimed[name],
    )
    target = targets[types[0]] if types else None
    if not isinstance(target, HttpTarget):
        return None
    return _Due(target, tuple(types), tuple(sharing), claimed[types[0]])


async def _record(connection: Executor, sent: list[tuple[_Due, WarmUpResult]], at: datetime) -> None:
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
        [_warmth(reception) for _, reception in sent],
        [reception.error for _, reception in sent],
        [name for name, _ in met],
        [met_at for _, met_at in met],
    )


def _warm_up_of(one: _Due, reception: WarmUpResult) -> WarmUp:
    return WarmUp(one.types, one.moment, reception, _warmth(reception))


def _warmth(reception: WarmUpResult) -> Warmth | None:
    return warmth_by_header(reception.duration, reception.uptime)
