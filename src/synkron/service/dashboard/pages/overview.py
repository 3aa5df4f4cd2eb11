"""The overview: every integration at a glance, and one organization's page of the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from synkron.incidents.store import incidents
from synkron.ledger.ticks import LONGEST_BETWEEN_TICKS
from synkron.model import EVERYTHING, Scope
from synkron.operations.recorded_pauses import pauses
from synkron.operations.scope import read_names
from synkron.operations.transaction import read_transaction
from synkron.reports.overview.cursor import Sort
from synkron.reports.overview.page import page
from synkron.reports.overview.rows import OverviewRow, RowState
from synkron.scheduler.holds import is_paused
from synkron.service.api.access import visible
from synkron.service.api.parameters import Id, OrEmpty, recorded_number
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.parameters import After, OneType, Search
from synkron.service.dashboard.plots import CLASSES, strip
from synkron.service.dashboard.type_filter import filter_types
from synkron.service.dashboard.viewer import View, Viewer, redirect
from synkron.service.overview.refresh import read_due
from synkron.service.status.targets import target_of, without_target
from synkron.service.status.tiles import Tiles, tiles
from synkron.service.status.verdict import Held

router = APIRouter(include_in_schema=False)
ROWS = 50
# An organization's page shows so many pauses.
PAUSES = 20


@router.get("/")
async def overview(
    view: View,
    connection: Db,
    parts: Parts,
    scope: OneType,
    search: Search = "",
    state: Annotated[RowState | None, OrEmpty] = None,
    sort: Sort = Sort.ORGANIZATION,
    after: After = None,
) -> Response:
    """Is everything firing, what is late, who is affected, what comes next."""
    if view.actor is not None and view.actor.org_id is not None:
        return redirect(f"/o/{view.actor.org_id}")
    if recorded_number(search) is not None:
        return redirect(f"/runs/{search}")
    await parts.freshness.ensure(connection)
    found = await page(
        connection, parts.settings, scope, search=search or None, state=state, sort=sort, after=after, limit=ROWS
    )
    is_read = bool(found.rows) or (await read_due(connection, parts.settings)).at is not None
    return view.page(
        "overview.html",
        is_read=is_read,
        tiles=shown_tiles(view, await tiles(connection, parts.settings, EVERYTHING)),
        without_target=await without_target(connection, parts.settings),
        target_of=target_of,
        rows=found.rows,
        next=found.next,
        state=state,
        sort=sort,
        sorts=list(Sort),
        states=list(RowState),
        types=await filter_types(view, connection, parts),
        type=scope.integration_type,
        q=search,
        strips=_strips(view, found.rows),
    )


@router.get("/o/{org_id}")
async def organization(
    view: View,
    connection: Db,
    parts: Parts,
    org_id: Id,
    after: After = None,
) -> Response:
    """One organization's integrations: what a product can show to its own customers."""
    async with read_transaction(connection):
        names = await read_names(connection, parts.settings, [org_id])
    if org_id not in names or view.actor is None or not visible(view.actor, org_id):
        raise Problem(404, f"There is no organization {org_id}.")
    await parts.freshness.ensure(connection)
    scope = Scope(org_id)
    over = await pauses(connection, parts.settings, scope, limit=PAUSES + 1)
    found = await page(connection, parts.settings, scope, sort=Sort.TYPE, after=after, limit=ROWS)
    return view.page(
        "organization.html",
        org_id=org_id,
        organization=names[org_id],
        names=names,
        tiles=shown_tiles(view, await tiles(connection, parts.settings, scope), org_id=org_id),
        rows=found.rows,
        next=found.next,
        strips=_strips(view, found.rows),
        incidents=await incidents(connection, scope=scope, limit=20),
        pauses=over[:PAUSES],
        more_pauses=len(over) > PAUSES,
        is_paused=await is_paused(connection, scope, view.now),
    )


def shown_tiles(view: Viewer, found: Tiles, *, org_id: str | None = None) -> Sequence[Mapping[str, object]]:
    """The figures as they are shown: what is wrong has its mark, and leads to the rows that it counts."""
    runs, say = found.runs, view.words.say

    def tile(name: str, figure: int, kind: str = "", cut: bool = False, **filters: object) -> dict[str, object]:
        shown = view.words.number(figure) + ("+" if cut else "")
        address = view.address("/", **filters) if filters and org_id is None else None
        return {
            "name": name,
            "figure": shown,
            "kind": kind if figure else "",
            "address": address,
            "below": "",
            "moment": None,
            "limit": None,
        }

    shown = [
        tile("due", found.due) | {"below": _below_due(view, found)},
        tile("running", runs.running + runs.accepted, "running", state="running")
        | {"below": say("overview.tile.waiting", count=runs.waiting)},
        tile("late", found.late, "late", cut=found.late_are_cut),
        tile("failing", found.failing, "failed", cut=found.failing_are_cut, state="failing"),
        tile("paused", found.pauses, "held")
        | {"below": _below_pauses(view, found.held), "address": "/pauses" if org_id is None else None},
    ]
    if not view.is_tied:
        shown.append(tile("incidents", found.incidents, "warning") | {"address": "/incidents"})
        shown.append(tile("tick", 0) | _tick(view, found))
    if found.verification is not None:
        wrong = found.verification.missed + found.verification.doubled
        counts = {"missed": found.verification.missed, "doubled": found.verification.doubled}
        proof = {"figure": say("overview.tile.proof_figures", **counts), "kind": "failed" if wrong else "done"}
        shown.append(tile("proof", 0) | proof | {"below": view.relative(found.verification.at)})
    return shown


def _below_due(view: Viewer, found: Tiles) -> str:
    """Within which time, and how many more a pause holds."""
    told = [view.words.say("overview.tile.due_below")]
    if found.paused:
        told.append(view.words.say("overview.tile.due_paused", count=found.paused))
    return ", ".join(told)


def _below_pauses(view: Viewer, held: Held) -> str:
    """How many integrations are on hold: because of a pause, and because they can't run."""
    say, invalid = view.words.say, held.total - held.paused
    told = [say("overview.tile.held", count=held.paused)] if held.paused else []
    told += [say("overview.tile.held_invalid", count=invalid)] if invalid else []
    return "; ".join(told)


def _tick(view: Viewer, found: Tiles) -> dict[str, object]:
    """When the last tick was, and what ticked; it is marked where the next one is overdue."""
    if found.last_tick is None:
        return {"figure": view.words.say("overview.tile.no_tick"), "kind": "failed"}
    overdue = found.at - found.last_tick.at > LONGEST_BETWEEN_TICKS
    clock = view.words.name("drift.clocks", found.last_tick.source)
    return {
        "moment": found.last_tick.at,
        "limit": int(LONGEST_BETWEEN_TICKS.total_seconds()),
        "kind": "failed" if overdue else "done",
        "below": clock,
    }


def _strips(view: Viewer, rows: Sequence[OverviewRow]) -> Sequence[str]:
    """The last runs of each row, drawn; and said for who does not see them."""
    return [strip(row.runs, _said(view, row)) for row in rows]


def _said(view: Viewer, row: OverviewRow) -> str:
    counts = Counter(one.state for one in row.runs)
    told = ", ".join(
        f"{view.words.number(counts[state])} {view.words.name('state', state)}" for state in CLASSES if counts[state]
    )
    return view.words.say("overview.strip", counts=told) if told else view.words.say("overview.no_runs")
