"""When runs may start: each integration at its own place, and no more than so many in a minute."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.model import Action, Decision, Integration, Source
from synkron.scheduler.spread import paced, spread_over
from synkron.settings.policy import Policy
from synkron.source.due import at_once

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HALF_MINUTE_BEFORE = NOON - MINUTE / 2


def decision(
    organization: str,
    number: int = 1,
    *,
    kind: str = "xledger",
    after: datetime = NOON,
    source: Source = Source.SCHEDULE,
    action: Action = Action.RUN,
) -> Decision:
    integration = Integration(f"{organization}{number}", organization, kind, True, "0 12 * * *", True, None)
    return Decision(integration, action, source, "on time", [NOON], None, execute_after=after)


def policies(pace: int | None) -> dict[str, Policy]:
    return {"xledger": Policy(pace=pace), "bufdir": Policy()}


def minutes(decisions: list[Decision]) -> Counter[datetime]:
    return Counter(_start(one).replace(second=0, microsecond=0) for one in decisions)


def test_a_pace_of_six_starts_one_every_ten_seconds() -> None:
    moved, added = at_once(paced([decision("o", number) for number in range(8)], policies(6), {}, HALF_MINUTE_BEFORE))
    starts = sorted(_start(one) - NOON for one in moved)
    assert starts == [timedelta(seconds=10 * number) for number in range(8)]
    assert added == {("xledger", NOON): 6, ("xledger", NOON + MINUTE): 2}


def test_what_was_allotted_before_counts() -> None:
    moved, added = at_once(
        paced([decision("o")], policies(2), {("xledger", NOON): 2, ("xledger", NOON + MINUTE): 1}, HALF_MINUTE_BEFORE)
    )
    assert [_start(one) for one in moved] == [NOON + MINUTE * 1.5]
    assert added == {("xledger", NOON + MINUTE): 1}


def test_organizations_take_turns() -> None:
    """One organization has ten runs, three have one each, and are not behind its tenth."""
    crowd = [decision("crowd", number) for number in range(10)]
    moved, _ = at_once(
        paced([*crowd, decision("a"), decision("b"), decision("c")], policies(60), {}, HALF_MINUTE_BEFORE)
    )
    order = [one.integration.org_id for one in sorted(moved, key=_start)]
    assert set(order[:4]) == {"crowd", "a", "b", "c"}


def test_no_organization_is_first_in_every_minute() -> None:
    first = set()
    for minute in range(40):
        at = NOON + MINUTE * minute
        moved, _ = at_once(paced([decision(name, after=at) for name in "abcd"], policies(60), {}, HALF_MINUTE_BEFORE))
        first.add(min(moved, key=_start).integration.org_id)
    assert first == set("abcd")


def test_what_is_late_asks_for_a_whole_minute() -> None:
    """Half a minute before noon, a late run takes no more than its share of noon's minute."""
    late = [decision("o", number, after=HALF_MINUTE_BEFORE, source=Source.CATCH_UP) for number in range(3)]
    moved, _ = at_once(paced(late, policies(2), {}, HALF_MINUTE_BEFORE))
    assert sorted(_start(one) for one in moved) == [NOON, NOON + MINUTE / 2, NOON + MINUTE]


def test_what_asks_for_a_minute_that_is_past_gets_one_that_is_not() -> None:
    """A replay of a minute of yesterday is no burst of today."""
    late = [decision("o", number, after=NOON - MINUTE * 1440, source=Source.CATCH_UP) for number in range(2)]
    moved, _ = at_once(paced(late, policies(1), {}, NOON))
    assert sorted(_start(one) for one in moved) == [NOON, NOON + MINUTE]


def test_a_type_without_a_pace_and_what_does_not_run_stay_as_they_are() -> None:
    others = [decision("o", kind="bufdir"), decision("o", action=Action.MERGE)]
    assert at_once(paced(others, policies(1), {}, HALF_MINUTE_BEFORE)) == (others, {})


@given(
    runs=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=60),
    pace=st.integers(1, 9),
    taken=st.dictionaries(st.integers(-2, 9), st.integers(0, 12), max_size=6),
)
def test_no_minute_holds_more_than_the_pace_and_no_run_starts_early(
    runs: list[tuple[str, int]], pace: int, taken: dict[int, int]
) -> None:
    asked = [
        decision(organization, number, after=NOON + timedelta(seconds=seconds))
        for number, (organization, seconds) in enumerate(runs)
    ]
    starts = {("xledger", NOON + MINUTE * minute): count for minute, count in taken.items()}
    moved, added = at_once(paced(asked, policies(pace), starts, HALF_MINUTE_BEFORE))
    assert [one.integration for one in moved] == [one.integration for one in asked]
    assert all(_start(one) >= _start(before) for one, before in zip(moved, asked, strict=True))
    assert {("xledger", minute): count for minute, count in minutes(moved).items()} == added
    assert all(count + starts.get(minute, 0) <= pace for minute, count in added.items())


@given(st.text(), st.integers(0, 10**6))
def test_a_place_lies_in_its_room_and_stays(name: str, seconds: int) -> None:
    room = timedelta(seconds=seconds)
    assert timedelta() <= spread_over(name, room) <= room
    assert spread_over(name, room) == spread_over(name, room)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("a", 0xCA978112 / 2**32 * 3600), ("00000000-0000-4000-8000-000000000001", 251.674)],
)
def test_places_are_the_same_for_ever(name: str, seconds: float) -> None:
    """The first four bytes of the name's SHA-256: written down, as other places would move every start."""
    assert spread_over(name, timedelta(hours=1)).total_seconds() == pytest.approx(seconds, abs=1e-3)


def test_places_are_spread_evenly() -> None:
    tenths = Counter(int(spread_over(f"integration {number}", MINUTE) / MINUTE * 10) for number in range(10_000))
    assert all(800 < tenths[tenth] < 1200 for tenth in range(10))


def _start(one: Decision) -> datetime:
    assert one.execute_after is not None
    return one.execute_after
