"""The command that shows how the vendors' endpoints are: health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from synkron.cli.context import answer, scope_of
from synkron.cli.options import AsJson, Type
from synkron.cli.output import say, show, show_lines
from synkron.cli.table import Field
from synkron.reports.names.match import AskedScope
from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.vendors.health import Health, Verdict, Watch, is_passive
from synkron.vendors.probe_times import next_probe

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.vendors.store import EndpointState, Hour

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
    known: EndpointState | None
    hours: Sequence[Hour]
    at: datetime

    @property
    def health(self) -> Health:
        """How it is; unknown before anything looked at it."""
        return self.known.health if self.known else Health(self.watch.endpoint, (), Verdict.UNKNOWN, "", None, self.at)


def health(context: typer.Context, integration_type: Type = None, as_json: AsJson = False) -> None:
    """Show the health of the vendors' endpoints, how it is known, and when the next probe is due.

    A strip shows the last 24 hours, the oldest first: the worst of each.

    \b
    Examples:
      synkron health
      synkron health --type xledger
      synkron health --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[_Shown]:
        from synkron.postgres.clock import database_clock
        from synkron.vendors import store
        from synkron.vendors.watches import watches_of

        _, kind, _ = await scope_of(AskedScope(None, integration_type), connection, settings)
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
            if kind is None or kind in watch.integration_types
        ]

    found = answer(context, ask)
    empty = "No vendor is watched: give a type a target, or a section types.NAME.health, in the settings."
    show(found, ENDPOINT, as_json=as_json, empty=empty)
    if found and not as_json:
        for one in found:
            if one.health.verdict not in (Verdict.HEALTHY, Verdict.UNKNOWN):
                show_lines(f"{one.watch.endpoint} is {one.health.verdict}: {one.health.reason}")
        if not all(one.in_settings for one in found):
            say(f"{ELSEWHERE} not in these settings: another process's, or of the last day's settings")
        say("+ healthy  ~ degraded  % throttled  ! unauthorized  x unreachable  . nothing")


def strip(hours: Sequence[Hour], at: datetime) -> str:
    """A character for each of the last 24 hours, the oldest first."""
    by_hour = {one.hour: one.findings for one in hours}
    first = _first_hour(at)
    return "".join(_mark(by_hour.get(first + timedelta(hours=number), {})) for number in range(HOURS))


def _of_another(known: Health) -> Watch:
    """How an endpoint is watched that these settings do not name, as far as its row tells."""
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


def _next(one: _Shown) -> str:
    """When the next probe goes, and what it waits for."""
    if not one.watch.probes:
        return "passive"
    if one.known is None:
        return "at once"
    moment = _next_probe(one) or one.at
    if _is_passive(one):
        return f"passive to {moment:%m-%d %H:%M}"
    after = f", {one.health.failures} failed" if one.health.failures else ""
    return f"{moment:%m-%d %H:%M}{after}"


def _spend(one: _Shown) -> str:
    """The month's probes; where the vendor counts them, with how many there may be."""
    if one.known is None or not one.watch.probes:
        return ""
    limit = one.watch.most_probes
    return f"{one.known.probes}" if limit is None else f"{one.known.counted} of {limit}"


def _types(one: _Shown) -> str:
    return ",".join(one.watch.integration_types) + ("" if one.in_settings else f" {ELSEWHERE}")


def _next_probe(one: _Shown) -> datetime | None:
    return next_probe(one.health, one.watch, one.known.counted if one.known else 0, one.at)


def _is_passive(one: _Shown) -> bool:
    return is_passive(one.health, one.watch, one.at)


def _passive_until(one: _Shown) -> datetime | None:
    until = one.health.passive_until
    return until if until and until > one.at else None


def _hours(one: _Shown) -> list[dict[str, object]]:
    return [
        {"hour": hour.hour, **{verdict.value: count for verdict, count in hour.findings.items()}, "probes": hour.probes}
        for hour in one.hours
    ]


ENDPOINT = [
    Field("types", _types, shrink=True),
    Field("endpoint", "watch.endpoint", key="endpoint", shrink=True, optional=True),
    Field(key="integration_types", value="watch.integration_types"),
    Field(key="in_settings"),
    Field("verdict", lambda one: one.health.verdict, key="verdict"),
    Field(key="reason", value=lambda one: one.health.reason or None),
    Field("since (UTC)", key="since", value=lambda one: one.known and one.known.health.since, optional=True),
    Field("known by", "health.known_by", key="known_by", optional=True),
    Field(key="sampled_at", value="health.sampled_at"),
    Field(key="is_passive", value=_is_passive),
    Field(key="passive_until", value=_passive_until),
    Field(key="failed_probes", value="health.failures"),
    Field(key="probed_at", value="health.probed_at"),
    Field("next probe (UTC)", _next),
    Field(key="next_probe_at", value=_next_probe),
    Field(key="interval_s", value=lambda one: round(one.watch.interval.total_seconds()) if one.watch.probes else None),
    Field("last 24 hours", lambda one: strip(one.hours, one.at)),
    Field("probes", _spend, right=True, optional=True),
    Field(key="probes_this_month", value=lambda one: one.known.probes if one.known else 0),
    Field(key="counted_this_month", value=lambda one: one.known.counted if one.known else 0),
    Field(key="most_probes", value="watch.most_probes"),
    Field(key="allowance", value="watch.allowance"),
    Field(key="hours", value=_hours),
]
