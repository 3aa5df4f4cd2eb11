"""Drift: how late runs start, over time, by clock and by type, and where the time is lost."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from synkron.ledger.drift import Stage
from synkron.reports.drift import read_drift
from synkron.reports.overview.past import BOUNDS, drift_over_time
from synkron.service.api.heavy import Heavy
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.axis import Ruler, axis
from synkron.service.dashboard.drift_plot import bar, bounds, over_time, scale
from synkron.service.dashboard.parameters import OneType
from synkron.service.dashboard.type_filter import filter_types
from synkron.service.dashboard.viewer import FleetView
from synkron.service.dashboard.zones import Zone
from synkron.service.names import organization_names
from synkron.service.nouns.drift import drift_facts

router = APIRouter(include_in_schema=False)
WORST = 15


class Length(NamedTuple):
    """How far back, and in which steps."""

    length: timedelta
    step: timedelta


class Back(StrEnum):
    """How far back the page looks."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


LENGTHS = {
    Back.DAY: Length(timedelta(days=1), timedelta(minutes=15)),
    Back.WEEK: Length(timedelta(days=7), timedelta(hours=1)),
    Back.MONTH: Length(timedelta(days=30), timedelta(hours=6)),
}


@router.get("/drift")
async def drift(
    view: FleetView,
    zone: Zone,
    _: Heavy,
    connection: Db,
    parts: Parts,
    scope: OneType,
    back: Annotated[Back, Query(alias="range")] = Back.DAY,
) -> Response:
    """How late the runs of a time started."""
    view = zone.of(view)
    length, step = LENGTHS[back]
    start = view.now - length
    late_after = parts.settings.announce.late_after
    history = await drift_over_time(connection, scope, start, view.now, step)
    found = drift_facts(await read_drift(connection, start, view.now, late_after, scope, most=WORST))
    names = await organization_names(connection, parts.settings, {one.org_id for one in found.worst})
    most = max(history.histogram)
    said = zip(bounds(view.words), history.histogram, BOUNDS, strict=True)
    runs = sum(history.histogram)
    late = sum(number for bound, number in zip(BOUNDS, history.histogram, strict=True) if bound >= late_after)
    return zone.kept(
        view.page(
            "drift.html",
            back=back,
            backs=list(Back),
            type=scope.integration_type,
            types=await filter_types(view, connection, parts),
            history=history,
            runs=runs,
            late=late,
            late_after=late_after,
            plot=over_time(history, late_after, view.words.say("drift.plot", count=runs)),
            scale=scale(view.words, late_after),
            axis=axis(view, Ruler(history.start, history.end)),
            histogram=[(words, number, bar(number, most, bound, late_after)) for words, number, bound in said],
            found=found,
            stages=list(Stage),
            stage_columns=[(view.words.name("drift.stage", one), "number") for one in Stage],
            names=names,
        )
    )
