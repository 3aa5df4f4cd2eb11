"""The command that shows how the vendors' endpoints are: health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from synkron.cli.context import answer, scope_of
from synkron.cli.options import AsJson, Type
from synkron.cli.output import say, show, show_json, show_lines
from synkron.cli.table import Field
from synkron.reports.names.match import AskedScope
from synkron.vendors.endpoints import HOURS, Endpoint, first_hour, read_endpoints
from synkron.vendors.health import Verdict

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.vendors.store import Hour

# The worst first. One character for an hour; they differ without colour.
MARKS = {"unreachable": "x", "unauthorized": "!", "throttled": "%", "degraded": "~", "healthy": "+"}
NOTHING = "."
# Behind the types of an endpoint that these settings do not name.
ELSEWHERE = "*"


def health(context: typer.Context, integration_type: Type = None, as_json: AsJson = False) -> None:
    """Show the health of the vendors' endpoints, how it is known, and when the next probe is due.

    A strip shows the last 24 hours, the oldest first: the worst of each.

    \b
    Examples:
      synkron health
      synkron health --type xledger
      synkron health --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[Endpoint]:
        _, kind, _ = await scope_of(AskedScope(None, integration_type), connection, settings)
        return await read_endpoints(connection, settings, kind)

    found = answer(context, ask)
    empty = "No vendor is watched: give a type a target, or a section types.NAME.health, in the settings."
    if as_json:
        from synkron.service.nouns.endpoints import endpoint_facts

        show_json([endpoint_facts(one) for one in found])
        return
    show(found, ENDPOINT, as_json=False, empty=empty)
    if found:
        for one in found:
            if one.health.verdict not in (Verdict.HEALTHY, Verdict.UNKNOWN):
                show_lines(f"{one.watch.endpoint} is {one.health.verdict}: {one.health.reason}")
        if not all(one.in_settings for one in found):
            say(f"{ELSEWHERE} not in these settings: another process's, or of the last day's settings")
        say("+ healthy  ~ degraded  % throttled  ! unauthorized  x unreachable  . nothing")


def strip(hours: Sequence[Hour], at: datetime) -> str:
    """A character for each of the last 24 hours, the oldest first."""
    by_hour = {one.hour: one.findings for one in hours}
    first = first_hour(at)
    return "".join(_mark(by_hour.get(first + timedelta(hours=number), {})) for number in range(HOURS))


def _mark(findings: Mapping[Verdict, int]) -> str:
    seen = {verdict.value for verdict, contacts in findings.items() if contacts}
    return next((mark for verdict, mark in MARKS.items() if verdict in seen), NOTHING)


def _next(one: Endpoint) -> str:
    """When the next probe goes, and what it waits for."""
    if not one.watch.probes:
        return "passive"
    if one.known is None:
        return "at once"
    moment = one.next_probe or one.at
    if one.is_passive:
        return f"passive to {moment:%m-%d %H:%M}"
    after = f", {one.health.failures} failed" if one.health.failures else ""
    return f"{moment:%m-%d %H:%M}{after}"


def _spend(one: Endpoint) -> str:
    """The month's probes; where the vendor counts them, with how many there may be."""
    if one.known is None or not one.watch.probes:
        return ""
    limit = one.watch.most_probes
    return f"{one.known.probes}" if limit is None else f"{one.known.counted} of {limit}"


def _types(one: Endpoint) -> str:
    return ",".join(one.watch.integration_types) + ("" if one.in_settings else f" {ELSEWHERE}")


ENDPOINT = [
    Field("types", _types, shrink=True),
    Field("endpoint", "watch.endpoint", shrink=True, optional=True),
    Field("verdict", "health.verdict"),
    Field("since (UTC)", lambda one: one.known and one.known.health.since, optional=True),
    Field("known by", "health.known_by", optional=True),
    Field("next probe (UTC)", _next),
    Field("last 24 hours", lambda one: strip(one.hours, one.at)),
    Field("probes", _spend, right=True, optional=True),
]
