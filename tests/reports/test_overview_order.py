"""The order of the overview, and what it can be limited to: the same as Python's own sort of the whole cast."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from math import inf

import pytest

from synkron.errors import CursorError, Refused
from synkron.model import EVERYTHING, Scope
from synkron.postgres.clock import database_clock
from synkron.postgres.embedded import EmbeddedServer
from synkron.reports.overview import order
from synkron.reports.overview.cursor import START, Place, Sort, cursor_of, place_of
from synkron.reports.overview.page import page
from synkron.reports.overview.rows import OverviewRow, RowState, Standing
from synkron.service.overview.refresh import refresh
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization
from tests.support.late_runs import add_run, make_room
from tests.support.overview_cast import HOUR, Member, cast_of
from tests.support.rolled_back import connected_to_its_own, rolled_back

pytestmark = pytest.mark.each_server

STATES: dict[RowState | None, Callable[[Member], bool]] = {
    None: lambda one: bool(one),
    RowState.FAILING: lambda one: one.failing_at is not None,
    RowState.RUNNING: lambda one: one.is_running,
    RowState.PAUSED: lambda one: one.is_paused,
    RowState.HELD: lambda one: one.is_held,
    RowState.INVALID: lambda one: one.is_invalid,
    RowState.DISABLED: lambda one: not one.is_live,
}

# What somebody types, and the organizations that are found.
SEARCHES = {
    "fjord": ["Fjord AS"],
    "FJO": ["Fjord AS"],
    "as": ["Fjord AS"],
    "sønn": ["Ås & sønner"],
    "u o te": ["q'u\"o\\te %_"],
    "q'u\"o\\te": ["q'u\"o\\te %_"],
    "<script>": [],
    "世": ["世界"],
    "ord": [],
    "%": [],
    "' | 'fjord": ["Fjord AS"],
    "fjord & !bakke": [],
    "": [],
    "   ": [],
}


connection = rolled_back


@pytest.fixture(scope="module")
async def kept_connection(server: EmbeddedServer) -> AsyncIterator[Connection]:
    """To a database in which the cast is; see ``tests.support.rolled_back``."""
    async for opened in connected_to_its_own(server):
        yield opened


@pytest.fixture(scope="module")
async def cast(kept_connection: Connection) -> list[Member]:
    made = await cast_of(kept_connection, await database_clock(kept_connection))
    await refresh(kept_connection, Settings())
    return made


def place(one: Member, sort: Sort) -> tuple[object, ...]:
    """Where it is in the order; schedules that fire at the same time are in any order among themselves."""
    name = one.organization[:100].lower()
    match sort:
        case Sort.ORGANIZATION:
            return (f"{name}\x01{one.org_id}\x01{one.kind}".encode(),)
        case Sort.TYPE:
            return (f"{one.kind}\x01{name}\x01{one.org_id}".encode(),)
        case Sort.NEXT_FIRE:
            return (one.next_at.timestamp() if one.next_at else inf,)
        case Sort.LAST_RUN:
            return (-one.last_at.timestamp() if one.last_at else inf,)
        case Sort.DRIFT:
            return (inf if one.drift is None else -one.drift.total_seconds(),)
        case Sort.FAILING:
            if one.failing_at is not None:
                return (0, -one.failing_at.timestamp())
            return (1, f"{name}\x01{one.org_id}\x01{one.kind}".encode())


async def all_rows(
    connection: Connection, sort: Sort, scope: Scope = EVERYTHING, limit: int = 25, **asked: object
) -> list[OverviewRow]:
    """Every page, one after the other."""
    found: list[OverviewRow] = []
    after = None
    while True:
        one = await page(connection, Settings(), scope, sort=sort, after=after, limit=limit, **asked)  # type: ignore[arg-type]
        found += one.rows
        after = one.next
        if after is None:
            return found
        assert len(one.rows) == limit


async def test_each_order_of_each_state(connection: Connection, cast: list[Member]) -> None:
    by_id = {one.integration_id: one for one in cast}
    for sort in Sort:
        for state, is_in in STATES.items():
            expected = [one for one in cast if is_in(one)]
            assert len(expected) >= 5, state
            rows = await all_rows(connection, sort, limit=9, state=state)
            found = [by_id[row.integration.integration_id] for row in rows]
            assert sorted(one.integration_id for one in found) == sorted(one.integration_id for one in expected), (
                sort,
                state,
            )
            places = [place(one, sort) for one in found]
            assert places == sorted(places), (sort, state)


async def test_while_everything_is_paused_all_are(connection: Connection, cast: list[Member]) -> None:
    await connection.execute("insert into synkron.pauses (reason, author) values ('r', 'kari')")
    await refresh(connection, Settings())
    for sort in Sort:
        found = await all_rows(connection, sort, state=RowState.PAUSED, limit=20)
        assert {row.integration.integration_id for row in found} == {one.integration_id for one in cast}
        assert all(row.pause is not None for row in found)


async def test_what_is_rare_is_found_though_a_walk_did_not(
    connection: Connection, cast: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each order, state and search once more, with walks that break off at once."""
    monkeypatch.setattr(order, "WALKED", 3)
    monkeypatch.setattr(order, "WALKED_BY_FIGURES", 3)
    by_id = {one.integration_id: one for one in cast}
    for sort in Sort:
        for state, is_in in STATES.items():
            for search in (None, "fjord"):
                rows = await all_rows(connection, sort, state=state, search=search, limit=20)
                found = [by_id[row.integration.integration_id] for row in rows]
                expected = [one for one in cast if is_in(one) and (search is None or one.organization == "Fjord AS")]
                assert {one.integration_id for one in found} == {one.integration_id for one in expected}
                places = [place(one, sort) for one in found]
                assert places == sorted(places), (sort, state)


async def test_what_a_row_shows(connection: Connection, cast: list[Member]) -> None:
    shown = {row.integration.integration_id: row for row in await all_rows(connection, Sort.ORGANIZATION)}
    for one in cast:
        row = shown[one.integration_id]
        assert (row.organization, row.integration.org_id) == (one.organization, one.org_id)
        assert (row.integration.cron_schedule, row.integration.is_enabled) == (one.schedule, one.is_enabled)
        assert (row.next_fire is None) is (one.next_at is None)
        assert row.next_fire is None or (one.next_at is not None and row.next_fire >= one.next_at)
        assert (row.fault is not None) is (one.is_invalid or (one.schedule is not None and row.fault is not None))
        assert (row.pause is not None, row.held_since is not None) == (one.is_paused, one.is_held)
        assert (row.runs[-1].scheduled_for if row.runs else None) == one.last_at
        assert row.drift_p95 == one.drift
        assert row.failing_since == one.failing_at
        stands = row.fault is None and one.is_live and not (one.is_paused or one.is_held)
        assert (row.standing is Standing.FAILING) is (stands and one.failing_at is not None and not one.is_running)
        assert [run.scheduled_for for run in row.runs] == sorted(run.scheduled_for for run in row.runs)


async def test_a_row_fails_as_the_filter_says_and_the_last_run_alone_does_not(own_connection: Connection) -> None:
    """What failed long ago, or was cancelled, is no fault of now."""
    now = (await database_clock(own_connection)).replace(second=0, microsecond=0)
    await make_room(own_connection, now)
    kinds = {"of today": (2, "final"), "cancelled": (2, "cancelled"), "of last week": (24 * 8, "final")}
    by_id = {}
    for name, (hours, outcome) in kinds.items():
        org_id = await add_organization(own_connection, name)
        found = await add_integration(own_connection, "0 2 * * *", org_id=org_id)
        at = now - hours * HOUR
        run_id = await add_run(
            own_connection,
            at,
            org_id=org_id,
            integration_id=found,
            state="failed",
            started_at=at,
            finished_at=at,
            error="HTTP 500",
        )
        await own_connection.execute(
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, "
            "duration) values ($1, $2, 1, 'w', $2, $2, $3, interval '1 second')",
            run_id,
            at,
            outcome,
        )
        by_id[found] = name
    await refresh(own_connection, Settings())
    shown = {by_id[row.integration.integration_id]: row.standing for row in await all_rows(own_connection, Sort.TYPE)}
    assert shown == {"of today": Standing.FAILING, "cancelled": Standing.ENDED, "of last week": Standing.ENDED}
    failing = await all_rows(own_connection, Sort.TYPE, state=RowState.FAILING)
    assert [by_id[row.integration.integration_id] for row in failing] == ["of today"]


async def test_a_search_finds_beginnings_of_words(connection: Connection, cast: list[Member]) -> None:
    for search, names in SEARCHES.items():
        for sort in (Sort.ORGANIZATION, Sort.NEXT_FIRE):
            found = {row.integration.integration_id for row in await all_rows(connection, sort, search=search)}
            assert found == {one.integration_id for one in cast if one.organization in names}, search


async def test_scopes_ids_and_types(connection: Connection, cast: list[Member]) -> None:
    one = cast[40]
    for scope in (
        Scope(one.org_id),
        Scope(None, one.kind),
        Scope(one.org_id, one.kind),
        Scope(None, None, one.integration_id),
        Scope("nobody"),
        Scope(cast[1].org_id, None, one.integration_id),
    ):
        expected = sorted(
            member.integration_id
            for member in cast
            if scope.org_id in (None, member.org_id)
            and scope.integration_type in (None, member.kind)
            and scope.integration_id in (None, member.integration_id)
        )
        for sort in Sort:
            found = [row.integration.integration_id for row in await all_rows(connection, sort, scope)]
            assert sorted(found) == expected, scope
    for search in (one.integration_id, one.integration_id[:12].upper(), f"{one.org_id} "):
        found = [row.integration.integration_id for row in await all_rows(connection, Sort.TYPE, search=search)]
        assert one.integration_id in found
    both = await all_rows(connection, Sort.TYPE, search=f"bakke {one.kind}")
    assert {(row.organization, row.integration.integration_type) for row in both} == {("bakke", one.kind)}


@pytest.mark.parametrize("sort", Sort)
def test_a_cursor_is_a_place(sort: Sort) -> None:
    for place in (START, Place(inf, 2**63 - 1, "å\x01", "世", 3), Place(-0.25, 0, "", "x" * 200, 0)):
        assert place_of(cursor_of(sort, place), sort) == place


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "bnVsbA",
        "W10",
        "MQ",
        "å",
        "W" * 100_000,
        "WyI" * 9000,
        cursor_of(Sort.TYPE, START),
        cursor_of(Sort.DRIFT, Place(float("nan"), 0, "", "", 0)),
        cursor_of(Sort.DRIFT, Place(1, 0, "", "", 0)),
        cursor_of(Sort.DRIFT, Place(1.0, 2**63, "", "", 0)),
        cursor_of(Sort.DRIFT, Place(1.0, 0, "\0", "", 0)),
        cursor_of(Sort.DRIFT, Place(1.0, 0, "", "\ud800", 0)),
        cursor_of(Sort.DRIFT, Place(1.0, 0, "", "", 2**31)),
        cursor_of(Sort.DRIFT, Place(1.0, True, "", "", 0)),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError, match=r"^cursor: this is not the cursor of a page sorted by drift"):
        place_of(cursor, Sort.DRIFT)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": 0}, "limit: 0"),
        ({"limit": 501}, "limit: 501"),
        ({"search": "x" * 201}, "search: the text has 201"),
        ({"search": "\0"}, "search: the text contains"),
    ],
)
async def test_what_is_not_allowed_is_refused(connection: Connection, given: dict[str, object], message: str) -> None:
    with pytest.raises(Refused, match=message):
        await page(connection, Settings(), **given)  # type: ignore[arg-type]
