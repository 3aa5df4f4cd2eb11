"""The timeline: what comes in the next hour, day or week."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from synkron.reports.overview.timeline import timeline
from synkron.service.api.heavy import Heavy
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.axis import Ruler, axis
from synkron.service.dashboard.lane_plot import lane, marks
from synkron.service.dashboard.parameters import OneType
from synkron.service.dashboard.type_filter import filter_types
from synkron.service.dashboard.viewer import FleetView
from synkron.service.dashboard.zones import Zone

router = APIRouter(include_in_schema=False)


class Ahead(StrEnum):
    """How far ahead the page looks."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"


LENGTHS = {Ahead.HOUR: timedelta(hours=1), Ahead.DAY: timedelta(days=1), Ahead.WEEK: timedelta(days=7)}


@router.get("/timeline")
async def coming(
    view: FleetView,
    zone: Zone,
    _: Heavy,
    connection: Db,
    parts: Parts,
    scope: OneType,
    ahead: Annotated[Ahead, Query(alias="range")] = Ahead.DAY,
) -> Response:
    """A lane for each type, on one ruler."""
    view = zone.of(view)
    is_read = await parts.freshness.ensure(connection)
    found = await timeline(connection, parts.settings, scope, view.now, view.now + LENGTHS[ahead])
    most = max((fires + more for one in found.lanes for fires, more in zip(one.fires, one.caught_up)), default=0)  # noqa: B905
    lanes = [
        {
            "lane": one,
            "fires": sum(one.fires),
            "caught_up": sum(one.caught_up),
            "plot": lane(
                view, found, one, most, view.words.say("timeline.lane", type=one.integration_type, count=sum(one.fires))
            ),
            "marks": marks(view, found, one),
        }
        for one in found.lanes
    ]
    return zone.kept(
        view.page(
            "timeline.html",
            is_read=is_read,
            ahead=ahead,
            aheads=list(Ahead),
            type=scope.integration_type,
            types=await filter_types(view, connection, parts),
            found=found,
            lanes=lanes,
            most=most,
            axis=axis(view, Ruler(found.start, found.end)),
            asked_zone=zone.name,
        )
    )
