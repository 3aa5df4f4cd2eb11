"""The forecast: how many fire and start in each minute, what waits, and when the last of a herd starts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.model import Integration, Window
from synkron.reports.forecast.fires import FireMinute, Group, count_fires
from synkron.reports.forecast.outlook import Forecast, TypeForecast, forecast
from synkron.reports.forecast.starts import paced, spread_out
from synkron.reports.forecast.warnings import WarningKind, warnings
from synkron.scheduler.decide import decide
from synkron.scheduler.spread import paced as paced_by_the_tick
from synkron.settings.policy import Policies, Policy
from synkron.source.due import all_occurrences, at_once

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
TYPES = {"xledger", "bufdir"}


def group(schedule: str, integrations: int = 1, *, kind: str = "xledger", zone: str | None = None) -> Group:
    return Group(kind, schedule, zone, True, None, integrations)


def ahead(*groups: Group, policy: Policy | None = None, hours: int = 24, spread: timedelta | None = None) -> Forecast:
    """The forecast of the hours from just before midnight on: the first minute is 00:00."""
    policy = policy or Policy()
    window = Window(MIDNIGHT - MINUTE, MIDNIGHT - MINUTE + HOUR * hours)
    return forecast(at_once(count_fires(groups, window, TYPES, spread or policy.spread)), dict.fromkeys(TYPES, policy))


def xledger(*groups: Group, policy: Policy | None = None, hours: int = 24) -> TypeForecast:
    return ahead(*groups, policy=policy, hours=hours).types["xledger"]


def by_minute(figures: list[float]) -> dict[str, float]:
    """Those above zero, by their time of day, to the thousandth."""
    return {f"{MIDNIGHT + MINUTE * minute:%H:%M}": round(figure, 3) for minute, figure in enumerate(figures) if figure}


@pytest.mark.parametrize(
    ("schedule", "zone", "fires"),
    [
        ("0 2 * * *", None, {"02:00": 7}),
        ("0 2 * * *", "Europe/Oslo", {"01:00": 7}),
        ("0 2 * * *", "America/New_York", {"07:00": 7}),
        ("0 0,12 * * *", None, {"00:00": 7, "12:00": 7}),
        ("0 */8 * * *", "+01:00", {"07:00": 7, "15:00": 7, "23:00": 7}),
        ("0 2 * * 2", None, {}),  # it is a Monday
        ("0 2 31 2 *", None, {}),
    ],
)
def test_what_fires(schedule: str, zone: str | None, fires: dict[str, int]) -> None:
    one = xledger(group(schedule, 7, zone=zone))
    assert by_minute(list(one.fires)) == by_minute(list(one.starts)) == fires
    assert (one.integrations, one.fired, one.later, one.left_waiting) == (7, sum(fires.values()), 0, 0)


def test_the_window_begins_after_its_start_and_includes_its_end() -> None:
    one = xledger(group("* * * * *"), hours=2)
    assert list(one.fires) == [1] * 120
    assert [one.instant(0), one.instant(119)] == [MIDNIGHT, MIDNIGHT + MINUTE * 119]


def test_groups_and_types_add_up() -> None:
    found = ahead(group("0 2 * * *", 3), group("0 2 * * 1-5", 4), group("0 1 * * *", 5, kind="bufdir"))
    assert list(found.types) == ["bufdir", "xledger"]
    assert by_minute(list(found.types["xledger"].fires)) == {"02:00": 7}
    assert by_minute(list(found.types["bufdir"].fires)) == {"01:00": 5}


def test_what_can_not_be_fired_is_counted_and_left_out() -> None:
    faulty = [
        group("99 * * * *", 1),
        group("0 2 * * *", 10, zone="Europe/Atlantis"),
        group("0 2 * * *", 100, kind="fiken"),
        Group("xledger", "0 2 * * *", None, False, None, 1000),
    ]
    found = ahead(*faulty, group("0 2 * * *", 5))
    assert found.left_out == 1111
    assert {name: one.fired for name, one in found.types.items()} == {"xledger": 5}


@pytest.mark.parametrize(
    ("schedule", "spread", "starts"),
    [
        # A dozen over four minutes are three a minute.
        ("0 2 * * *", "4m", {"02:00": 3, "02:01": 3, "02:02": 3, "02:03": 3}),
        # Over two minutes and a half: as much in each half minute.
        ("0 2 * * *", "2m30s", {"02:00": 4.8, "02:01": 4.8, "02:02": 2.4}),
        # Within the minute, nothing changes.
        ("0 2 * * *", "30s", {"02:00": 12}),
        # Never past the next occurrence, which comes after two minutes, and then after a day.
        ("0,2 2 * * *", "4m", {"02:00": 6, "02:01": 6, "02:02": 3, "02:03": 3, "02:04": 3, "02:05": 3}),
    ],
)
def test_a_spread(schedule: str, spread: str, starts: dict[str, float]) -> None:
    one = xledger(group(schedule, 12), policy=Policy(spread=_span(spread)))
    assert by_minute(list(one.starts)) == starts
    assert one.started == pytest.approx(one.fired)


def test_a_spread_reaches_past_the_window() -> None:
    one = xledger(group("58 23 * * *", 12), policy=Policy(spread=MINUTE * 4))
    assert by_minute(list(one.starts)) == {"23:58": 3, "23:59": 3}
    assert (one.later, one.left_waiting) == (6, 0)
    assert one.herds[0].last_start == MIDNIGHT + HOUR * 24 + MINUTE * 2


def test_an_override_wins_over_the_types_spread() -> None:
    own = Group("xledger", "0 2 * * *", None, True, MINUTE * 2, 4)
    found = ahead(own, group("0 2 * * *", 4), policy=Policy(spread=MINUTE * 4)).types["xledger"]
    assert by_minute(list(found.starts)) == {"02:00": 3, "02:01": 3, "02:02": 1, "02:03": 1}


def test_a_herd_at_a_pace() -> None:
    """412 at 60 a minute: six full minutes, and 52 in the seventh, of which the last starts 51 s in."""
    one = xledger(group("0 2 * * *", 412), group("3 2 * * *", 10), policy=Policy(pace=60))
    full = {f"02:0{minute}": 60 for minute in range(7)}
    assert by_minute(list(one.starts)) == full | {"02:07": 2}
    assert by_minute(list(one.waiting)) == {
        "02:00": 352,
        "02:01": 292,
        "02:02": 232,
        "02:03": 182,
        "02:04": 122,
        "02:05": 62,
        "02:06": 2,
    }
    assert [(herd.fires, f"{herd.last_start:%H:%M:%S}") for herd in one.herds] == [
        (412, "02:06:51"),
        (10, "02:07:01"),  # behind the herd
    ]


def test_the_last_start_is_known_though_it_lies_after_the_window() -> None:
    [herd] = xledger(group("59 23 * * *", 100), policy=Policy(pace=10)).herds
    assert herd.last_start == MIDNIGHT + HOUR * 24 + MINUTE * 8 + timedelta(seconds=54)


def test_the_last_start_depends_on_what_comes_after_the_window() -> None:
    """The last has its place there, among others that nobody counted."""
    [herd] = xledger(group("59 23 * * *", 100), policy=Policy(pace=10, spread=MINUTE * 30)).herds
    assert herd.last_start is None


@pytest.mark.parametrize(
    ("groups", "policy", "warned"),
    [
        ([group("0 2 * * *", 100)], Policy(), []),
        ([group("0 2 * * *", 101)], Policy(), [WarningKind.ABOVE_CONCURRENCY]),
        ([group("0 2 * * *", 1000)], Policy(pace=60), []),
        ([group("0 2 * * *", 1000)], Policy(spread=MINUTE * 10), []),
        ([group("0 2 * * *", 1000)], Policy(pace=60, concurrency=50), [WarningKind.ABOVE_CONCURRENCY]),
        ([group("59 23 * * *", 100)], Policy(pace=60), [WarningKind.WAITING_AT_THE_END]),
        ([group("* * * * *", 61)], Policy(pace=60), [WarningKind.PACE_BELOW_LOAD]),
        ([group("* * * * *", 60)], Policy(pace=60), []),
    ],
)
def test_warnings(groups: list[Group], policy: Policy, warned: list[WarningKind]) -> None:
    assert [one.kind for one in warnings(ahead(*groups, policy=policy))] == warned


def test_a_pace_below_the_load_says_what_the_load_is() -> None:
    [one] = warnings(ahead(group("* * * * *", 61), policy=Policy(pace=60)))
    assert "87,840 fire, but at 60 a minute only 86,400 can start, and 1,440 wait at the end" in one.message
    assert "the load is 61 a minute" in one.message


SCHEDULES = ["0 * * * *", "*/15 * * * *", "* * * * *", "7 1 * * *", "58-59 * * * *", "30 1 * * *"]
# Of a type that has no integration there is no forecast: one that does not fire is always there.
FLEETS = st.lists(
    st.builds(group, st.sampled_from(SCHEDULES), st.integers(1, 9), zone=st.sampled_from([None, "Asia/Kolkata"])),
    max_size=8,
).map(lambda groups: [group("0 5 1 1 *"), *groups])


@given(FLEETS, st.integers(1, 30))
def test_the_forecast_is_what_the_ticks_do(fleet: list[Group], pace: int) -> None:
    """Every minute decided and paced one after the other, as a scheduler does, starts the same in each minute."""
    policy = Policy(pace=pace)
    found = xledger(*fleet, policy=policy, hours=3)
    starts, last = _ticked(fleet, policy, 180)
    assert list(found.starts) == [starts[MIDNIGHT + MINUTE * minute] for minute in range(180)]
    assert found.left_waiting == sum(count for minute, count in starts.items() if minute >= MIDNIGHT + HOUR * 3)
    assert {herd.at: herd.last_start for herd in found.herds} == {herd.at: last[herd.at] for herd in found.herds}


@given(FLEETS, st.integers(0, 90), st.none() | st.integers(1, 30))
def test_nothing_is_lost_and_no_minute_is_above_the_pace(
    fleet: list[Group], half_minutes: int, pace: int | None
) -> None:
    spread = MINUTE * half_minutes / 2
    one = xledger(*fleet, policy=Policy(pace=pace, spread=spread), hours=3)
    asks = spread_out(at_once(count_fires(fleet, one.window, TYPES, spread)).fires["xledger"], spread, 180)
    assert sum(asks) == pytest.approx(one.started + one.left_waiting)
    assert one.started + one.later == pytest.approx(one.fired)
    assert one.left_waiting <= one.later + 1e-6
    assert all(start <= (pace or one.fired) for start in one.starts)
    assert all(waiting >= 0 for waiting in one.waiting)


@given(st.integers(0, 99), st.integers(0, 120), st.integers(1, 10_000), st.integers(0, 150))
def test_a_spread_lies_between_its_moment_and_the_next(minute: int, room: int, count: int, half_minutes: int) -> None:
    spread = MINUTE * half_minutes / 2
    asks = spread_out({FireMinute(minute, room, None): count}, spread, 300)
    end = minute + max(1, min(room, half_minutes / 2))
    assert sum(asks) == pytest.approx(count)
    assert not any(asks[:minute])
    assert not any(ask for at, ask in enumerate(asks) if at >= end)
    assert all(before >= after - 1e-6 for before, after in pairwise(asks[minute:]))


def test_a_spread_is_what_the_tick_may_be_expected_to_do() -> None:
    """4,000 integrations at places of their own: no minute is far from the expectation."""
    policy = Policy(spread=MINUTE * 10)
    starts, _ = _ticked([group("0 * * * *", 4000)], policy, 1)
    expected = xledger(group("0 * * * *", 4000), policy=policy, hours=1).starts
    assert [starts[MIDNIGHT + MINUTE * minute] for minute in range(10)] == pytest.approx(expected[:10], rel=0.15)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 20))
def test_a_queue_starts_as_early_as_it_may(asks: list[int], pace: int) -> None:
    queue = paced(asks, pace)
    for start, waiting in zip(queue.starts, queue.waiting, strict=True):
        assert start == pace or not waiting


def _ticked(fleet: list[Group], policy: Policy, minutes: int) -> tuple[Counter[datetime], dict[datetime, datetime]]:
    """The starts in each minute, and the last start of each moment's runs, by one tick for each minute."""
    rows = [
        Integration(f"{number}/{index}", f"o{index % 3}", "xledger", True, one.cron_schedule, True, one.timezone)
        for number, one in enumerate(fleet)
        for index in range(one.integrations)
    ]
    policies = Policies({"xledger": policy})
    allotted: Counter[tuple[str, datetime]] = Counter()
    starts: Counter[datetime] = Counter()
    last: dict[datetime, datetime] = {}
    for minute in range(minutes):
        moment = MIDNIGHT + MINUTE * minute
        now = moment - MINUTE / 2
        due, _ = all_occurrences(rows, Window(moment - MINUTE, moment), {"xledger"})
        decisions, added = at_once(paced_by_the_tick(decide(due, now, policies), policies.by_type, allotted, now))
        allotted.update(added)
        for one in decisions:
            assert one.execute_after is not None
            starts[one.execute_after.replace(second=0, microsecond=0)] += 1
            last[moment] = max(last.get(moment, moment), one.execute_after)
    return starts, last


def _span(text: str) -> timedelta:
    return {"4m": MINUTE * 4, "2m30s": MINUTE * 2.5, "30s": MINUTE / 2}[text]
