"""The command that shows how the vendors' endpoints are: health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from synkron.cli.context import answer
from synkron.cli.options import AsJson
from synkron.cli.output import say, show_json, show_lines, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.vendors.health import Health, Verdict, Watch
    from synkron.vendors.store import Hour, Known

HOURS = 24
# The worst first. One character for an hour; they differ without colour.
MARKS = {"unreachable": "x", "unauthorized": "!", "throttled": "%", "degraded": "~", "healthy": "+"}
NOTHING = "."
# Behind the types of an endpoint that these settings do not name.
ELSEWHERE = "*"


@dataclass(frozen=True, slots=True)
class _Shown:
    """One endpoint, as it is watched and as it is known; ``known`` is None before anything looked at it.

    One that is not ``in_settings`` is watched by a process with others, or was, at most a day ago.
    """

    watch: Watch
    in_settings: bool
    known: Known | None
    hours: Sequence[Hour]
    at: datetime


def health(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how the vendors' endpoints are, how that is known, and when the next probe goes.

    A strip shows the last 24 hours, the oldest first: the worst of each.

    \b
    Examples:
      synkron health
      synkron health --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[_Shown]:
        from synkron.postgres.clock import database_clock
        from synkron.vendors import store
        from synkron.vendors.probe import watches_of

        watches = watches_of(settings)
        named = {watch.endpoint for watch in watches}
        # Another process may have other settings, as the demo has.
        watches += tuple(_of_another(one) for one in await store.read_all(connection) if one.endpoint not in named)
        at = await database_clock(connection)
        known = await store.read_known(connection, watches, at)
        hours = await store.read_hours(connection, watches, _first_hour(at))
        return [
            _Shown(watch, watch.endpoint in named, known.get(watch.endpoint), hours[watch.endpoint], at)
            for watch in watches
        ]

    found = answer(context, ask)
    if as_json:
        show_json([_as_json(one) for one in found])
    elif found:
        show_table(COLUMNS, [_cells(one) for one in found])
        _tell_reasons(found)
        if not all(one.in_settings for one in found):
            say(f"{ELSEWHERE} not in these settings: another process's, or of the last day's settings")
        say("+ healthy  ~ degraded  % throttled  ! unauthorized  x unreachable  . nothing")
    else:
        say("No vendor is watched: give a type a target, or a section types.NAME.health, in the settings.")


COLUMNS = [
    Column("types", shrink=True),
    Column("endpoint", shrink=True, optional=True),
    Column("verdict"),
    Column("since (UTC)", optional=True),
    Column("known by", optional=True),
    Column("next probe (UTC)"),
    Column("last 24 hours"),
    Column("probes", right=True, optional=True),
]


def strip(hours: Sequence[Hour], at: datetime) -> str:
    """A character for each of the last 24 hours, the oldest first."""
    by_hour = {one.hour: one.findings for one in hours}
    first = _first_hour(at)
    return "".join(_mark(by_hour.get(first + timedelta(hours=number), {})) for number in range(HOURS))


def _of_another(known: Health) -> Watch:
    """How an endpoint is watched that these settings do not name, as far as its row tells."""
    from synkron.settings.integrations import SHORTEST_INTERVAL
    from synkron.vendors.health import Watch

    return Watch(
        known.endpoint,
        known.integration_types,
        probes=known.next_probe_at is not None,
        interval=SHORTEST_INTERVAL,
        timeout=timedelta(seconds=10),
        slow_after=timedelta(seconds=5),
    )


def _mark(findings: Mapping[Verdict, int]) -> str:
    seen = {verdict.value for verdict, contacts in findings.items() if contacts}
    return next((mark for verdict, mark in MARKS.items() if verdict in seen), NOTHING)


def _first_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)


def _cells(one: _Shown) -> list[str]:
    known, watch = one.known, one.watch
    return [
        ",".join(watch.integration_types) + ("" if one.in_settings else f" {ELSEWHERE}"),
        watch.endpoint,
        known.health.verdict if known else "unknown",
        f"{known.health.since:%Y-%m-%d %H:%M}" if known else "",
        (known.health.known_by or "") if known else "",
        _next(one),
        strip(one.hours, one.at),
        _spend(one),
    ]


def _next(one: _Shown) -> str:
    """When the next probe goes, and what it waits for."""
    from synkron.vendors.health import is_passive
    from synkron.vendors.probe_times import next_probe

    if not one.watch.probes:
        return "passive"
    if one.known is None:
        return "at once"
    known = one.known.health
    moment = next_probe(known, one.watch, one.known.counted, one.at) or one.at
    if is_passive(known, one.watch, one.at):
        return f"passive to {moment:%m-%d %H:%M}"
    after = f", {known.failures} failed" if known.failures else ""
    return f"{moment:%m-%d %H:%M}{after}"


def _spend(one: _Shown) -> str:
    """The month's probes; where the vendor counts them, with how many there may be."""
    if one.known is None or not one.watch.probes:
        return ""
    limit = one.watch.most_probes
    return f"{one.known.probes}" if limit is None else f"{one.known.counted} of {limit}"


def _tell_reasons(found: Sequence[_Shown]) -> None:
    for one in found:
        if one.known is not None and one.known.health.verdict not in ("healthy", "unknown"):
            known = one.known.health
            show_lines(f"{one.watch.endpoint} is {known.verdict}: {known.reason}")


def _as_json(one: _Shown) -> dict[str, object]:
    from synkron.vendors.health import Health, Verdict, is_passive
    from synkron.vendors.probe_times import next_probe

    watch, at = one.watch, one.at
    known = one.known.health if one.known else Health(watch.endpoint, (), Verdict.UNKNOWN, "", None, at)
    counted = one.known.counted if one.known else 0
    return {
        "endpoint": watch.endpoint,
        "integration_types": watch.integration_types,
        "in_settings": one.in_settings,
        "verdict": known.verdict,
        "reason": known.reason or None,
        "known_by": known.known_by,
        "since": known.since if one.known else None,
        "sampled_at": known.sampled_at,
        "is_passive": is_passive(known, watch, at),
        "passive_until": known.passive_until if known.passive_until and known.passive_until > at else None,
        "failed_probes": known.failures,
        "probed_at": known.probed_at,
        "next_probe_at": next_probe(known, watch, counted, at),
        "interval_s": round(watch.interval.total_seconds()) if watch.probes else None,
        "probes_this_month": one.known.probes if one.known else 0,
        "counted_this_month": counted,
        "most_probes": watch.most_probes,
        "allowance": watch.allowance,
        "hours": [
            {
                "hour": hour.hour,
                **{verdict.value: count for verdict, count in hour.findings.items()},
                "probes": hour.probes,
            }
            for hour in one.hours
        ],
    }
