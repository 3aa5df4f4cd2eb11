"""The health of the vendors' endpoints: a card for each."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from synkron.reports.overview.past import EndpointCell, endpoint_history
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.axis import axis
from synkron.service.dashboard.endpoint_plot import SHAPES, cells, last_day, latency, slowest
from synkron.service.dashboard.viewer import FleetView, Viewer
from synkron.service.dashboard.zones import Zone
from synkron.vendors.endpoints import Endpoint, read_endpoints

router = APIRouter(include_in_schema=False)


@router.get("/health")
async def health(view: FleetView, zone: Zone, connection: Db, parts: Parts) -> Response:
    """How each endpoint is, how that is known, its last day, and what may be spent on probes."""
    view = zone.of(view)
    endpoints = await read_endpoints(connection, parts.settings)
    history = await endpoint_history(connection)
    cards = [_card(view, one, history.get(one.watch.endpoint, [])) for one in sorted(endpoints, key=_worst_first)]
    return view.page("health.html", cards=cards, axis=axis(view, last_day(view.now)))


def _worst_first(one: Endpoint) -> tuple[int, str]:
    order = list(SHAPES)
    verdict = one.health.verdict
    return order.index(verdict) if verdict in order else len(order), one.watch.endpoint


def _card(view: Viewer, one: Endpoint, history: list[EndpointCell]) -> dict[str, object]:
    """What a card shows. ``spend`` is the probes that count, how many there may be, and the share of these."""
    contacts = sum(sum(cell.findings.values()) for cell in history)
    say, name = view.words.say, one.watch.endpoint
    most = one.watch.most_probes
    counted = one.known.counted if one.known else 0
    latest = next((cell for cell in reversed(history) if cell.latency_p50 is not None), None)
    return {
        "endpoint": one,
        "contacts": contacts,
        "cells": cells(view, history, say("health.cells_of", endpoint=name, count=contacts)),
        "latency": latency(view, history, say("health.latency_of", endpoint=name)),
        "latest": None if latest is None else latest.latency_p50,
        "slowest": slowest(history),
        "spend": None if most is None else (counted, most, min(100, round(100 * counted / most)) if most else 100),
        "probes": one.known.probes if one.known else 0,
    }
