"""The command that probes one vendor now: probe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.completion import complete_type
from synkron.cli.confirm import DryRun
from synkron.cli.context import answer, invocation, scope_of
from synkron.cli.options import AsJson, written
from synkron.cli.output import facts_in_json, show_json, show_lines
from synkron.cli.table import Field
from synkron.reports.names.match import AskedScope
from synkron.service.forms import milliseconds
from synkron.settings.redaction import REDACTED
from synkron.vendors.health import Health, Verdict, Watch
from synkron.vendors.probe_times import next_probe, probe_blocks

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.vendors.monitor import Probed
    from synkron.vendors.probe.request import ProbeRequest
    from synkron.vendors.store import EndpointState


@dataclass(frozen=True, slots=True)
class _Plan:
    """What would be sent, and how things stand; ``refusal`` says why it would not go now."""

    watch: Watch
    request: ProbeRequest
    method: str
    known: EndpointState | None
    next_probe_at: datetime | None
    refusal: str | None
    warning: str | None


def probe(
    context: typer.Context,
    integration_type: Annotated[
        str, typer.Argument(metavar="TYPE", parser=written, autocompletion=complete_type, help="The integration type.")
    ],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Probe the vendor of an integration type now, or show with --dry-run what would be sent.

    It counts like any other probe: none goes within 15 minutes of the last, before the reset that a vendor named, or
    beyond the share of its allowance. Then it is refused, and says when it may.

    \b
    Examples:
      synkron probe xledger --dry-run
      synkron probe xledger
    """
    if dry_run:
        plan = answer(context, lambda connection, settings: _plan(context, connection, settings, integration_type))
        facts, lines = facts_in_json(plan, PLAN), _plan_told(plan)
    else:
        probed = answer(context, lambda connection, settings: _probe(context, connection, settings, integration_type))
        facts, lines = facts_in_json(probed, PROBED), _told(probed)
    if as_json:
        show_json(facts)
    else:
        show_lines(*lines)


async def _plan(context: typer.Context, connection: Connection, settings: Settings, integration_type: str) -> _Plan:
    from synkron.postgres.clock import database_clock
    from synkron.vendors import monitor, store
    from synkron.vendors.probe.request import method_for
    from synkron.vendors.watches import read_watches

    integration_type = await _type(integration_type, connection, settings)
    watches = read_watches(settings, invocation(context).environment, only=integration_type)
    watch = monitor.probed_watch(watches.watches, integration_type)
    at = await database_clock(connection)
    known = (await store.read_known(connection, [watch], at)).get(watch.endpoint)
    health = known.health if known else Health(watch.endpoint, (), Verdict.UNKNOWN, "", None, at)
    request = watches.requests[watch.endpoint]
    counted = known.counted if known else 0
    return _Plan(
        watch,
        request,
        method_for(request, health),
        known,
        next_probe(health, watch, counted, at),
        str(monitor.refusal(known, watch, at)) if known and probe_blocks(health, watch, counted, at) else None,
        monitor.spending_warning(watch, at),
    )


async def _probe(context: typer.Context, connection: Connection, settings: Settings, integration_type: str) -> Probed:
    from synkron.ledger.installation import at_home
    from synkron.postgres.clock import database_clock
    from synkron.vendors import monitor
    from synkron.vendors.probe.prober import open_prober
    from synkron.vendors.watches import read_watches

    await at_home(connection, settings)
    integration_type = await _type(integration_type, connection, settings)
    watches = read_watches(settings, invocation(context).environment, only=integration_type)
    async with open_prober(watches.requests) as prober:
        return await monitor.probe_now(connection, watches, prober, integration_type, await database_clock(connection))


async def _type(text: str, connection: Connection, settings: Settings) -> str:
    return str((await scope_of(AskedScope(None, text), connection, settings)).integration_type)


def _address(request: ProbeRequest) -> str:
    """Where it goes, without what its query holds."""
    shown = str(request.address.with_query(None))
    return f"{shown}?{REDACTED}" if request.address.query_string else shown


def _headers(request: ProbeRequest) -> dict[str, str]:
    shown = dict(request.headers) | dict.fromkeys(request.secret_headers, REDACTED)
    if request.token is not None:
        shown["Authorization"] = f"Bearer {REDACTED}"
    return shown


def _plan_told(plan: _Plan) -> Iterator[str]:
    watch, request = plan.watch, plan.request
    yield f"{plan.method} {_address(request)}"
    for name, text in _headers(request).items():
        yield f"  {name}: {text}"
    if request.body is not None:
        yield f"  (a body of {len(request.body.encode())} bytes)"
    if request.token is not None:
        yield f"The token is got from {request.token.url.with_query(None)}, and kept until it expires."
    yield f"It goes for {', '.join(watch.integration_types)}, and has {watch.timeout.total_seconds():g} s."
    yield f"The next is due {f'{plan.next_probe_at:%Y-%m-%d %H:%M:%S} UTC' if plan.next_probe_at else 'never'}."
    yield _spend_told(watch, plan.known)
    if plan.refusal is not None:
        yield plan.refusal
    if plan.warning is not None:
        yield f"warning: {plan.warning}"


def _spend_told(watch: Watch, known: EndpointState | None) -> str:
    probes, counted = (known.probes, known.counted) if known else (0, 0)
    if watch.most_probes is None:
        return f"This month, {probes} probes have gone; the vendor counts none of them."
    return (
        f"This month, {counted} of the {watch.most_probes} probes have gone that its share of the allowance "
        f"({watch.allowance} requests) has room for."
    )


def _request(plan: _Plan) -> dict[str, object]:
    request = plan.request
    return {
        "method": plan.method,
        "url": _address(request),
        "headers": _headers(request),
        "body_bytes": None if request.body is None else len(request.body.encode()),
        "token_url": str(request.token.url.with_query(None)) if request.token else None,
    }


PLAN = [
    Field(key="dry_run", value=lambda _: True),
    Field(key="endpoint", value="watch.endpoint"),
    Field(key="integration_types", value="watch.integration_types"),
    Field(key="request", value=_request),
    Field(key="next_probe_at"),
    Field(key="probes_this_month", value=lambda plan: plan.known.probes if plan.known else 0),
    Field(key="counted_this_month", value=lambda plan: plan.known.counted if plan.known else 0),
    Field(key="most_probes", value="watch.most_probes"),
    Field(key="refusal"),
    Field(key="warning"),
]
PROBED = [
    Field(key="dry_run", value=lambda _: False),
    Field(key="endpoint", value="watch.endpoint"),
    Field(key="integration_types", value="watch.integration_types"),
    *(Field(key=key, value=f"sample.{key}") for key in ("at", "finding", "reason")),
    Field(key="latency_ms", value="sample.latency"),
    *(Field(key=key, value=f"sample.{key}") for key in ("http_status", "resets_at")),
    *(Field(key=key, value=f"health.{key}") for key in ("verdict", "passive_until", "next_probe_at")),
]


def _told(probed: Probed) -> Iterator[str]:
    sample, health = probed.sample, probed.health
    took = f", after {milliseconds(sample.latency)} ms" if sample.latency is not None else ""
    yield f"{probed.watch.endpoint}: {sample.finding} ({sample.reason}{took})"
    if health.verdict is not sample.finding:
        yield f"The verdict stays {health.verdict}: {health.reason}"
    if health.passive_until is not None and health.passive_until > sample.at:
        yield f"No probe goes before {health.passive_until:%Y-%m-%d %H:%M:%S} UTC; until then, runs alone tell."
