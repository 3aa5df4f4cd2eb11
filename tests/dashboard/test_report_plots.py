"""What the pages of reports draw: places on an axis, also where clocks change, and what is marked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from synkron.reports.drift import Percentiles
from synkron.reports.overview.past import BOUNDS, DriftHistory, DriftStep, EndpointCell, Gap
from synkron.reports.overview.timeline import HerdMark, Lane, Timeline
from synkron.service.dashboard.axis import Ruler, ticks
from synkron.service.dashboard.drift_plot import bounds, over_time
from synkron.service.dashboard.endpoint_plot import cells, latency
from synkron.service.dashboard.lane_plot import lane, marks
from synkron.service.dashboard.viewer import Viewer
from synkron.service.dashboard.words import words_of
from synkron.vendors.health import Verdict

NOW = datetime(2026, 10, 25, 0, 4, tzinfo=UTC)
OSLO = ZoneInfo("Europe/Oslo")
VIEW = Viewer(words_of("en"), "auto", "/", {}, NOW, zone=OSLO)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOTHING = [0] * len(BOUNDS)


def ticked(start: datetime, end: datetime) -> list[str]:
    return [words for _, words in ticks(VIEW, Ruler(start, end))]


def test_the_hour_that_is_repeated_stands_twice_on_the_axis() -> None:
    begin = datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert ticked(begin, begin + 4 * HOUR) == [
        "01:00",
        "01:30",
        "02:00",
        "02:30",
        "02:00",
        "02:30",
        "03:00",
        "03:30",
        "04:00",
    ]


@pytest.mark.parametrize(("length", "most"), [(HOUR, 9), (24 * HOUR, 9), (7 * 24 * HOUR, 9), (32 * 24 * HOUR, 9)])
def test_an_axis_has_room_for_its_labels(length: timedelta, most: int) -> None:
    found = ticked(NOW, NOW + length)
    assert 3 <= len(found) <= most + 1


def test_a_lane_has_its_fires_what_is_caught_up_and_its_largest_minute() -> None:
    one = Lane("xledger", [4, 0, 0], [0, 2, 0], [HerdMark(NOW + MINUTE, 4)], [NOW + HOUR, NOW + HOUR + MINUTE])
    found = Timeline(NOW, NOW + 3 * HOUR, HOUR, [one])
    drawn = str(lane(VIEW, found, one, 4, "a label"))
    assert re.findall(r'<rect class="([\w-]+)".*?height="([\d.]+)"', drawn) == [
        ("accent", "56.00"),
        ("caught-up", "28.00"),
    ]
    assert "2 caught up" in drawn
    marked = str(marks(VIEW, found, one))
    assert "▲ 4 · 02:05" in marked
    assert marked.count("<circle") == 1  # two that can't be told apart


def test_an_endpoint_shows_the_worst_of_each_quarter() -> None:
    quarter = datetime(2026, 10, 25, tzinfo=UTC)
    cell = EndpointCell(quarter, {Verdict.HEALTHY: 9, Verdict.UNREACHABLE: 1}, MINUTE / 60, MINUTE / 30)
    drawn = str(cells(VIEW, [cell], "a label"))
    assert drawn.count("fill-line") == 95
    assert re.findall(r'fill-failed" x="([\d.]+)"', drawn) == ["761.00"]  # the last one
    assert latency(VIEW, [], "") is None
    assert "accent" in str(latency(VIEW, [cell], "a label"))


def test_drift_is_broken_where_nothing_ran_and_shaded_where_nobody_ticked() -> None:
    late = Percentiles(1, *[MINUTE] * 4)
    steps = [DriftStep(NOW + number * HOUR, late) for number in (0, 1, 6, 7)]
    history = DriftHistory(NOW, NOW + 10 * HOUR, HOUR, steps, NOTHING, {}, [Gap(NOW + 9 * HOUR, None)])
    drawn = str(over_time(history, 5 * MINUTE, "a label"))
    assert [len(re.findall("M", path)) for path in re.findall(r'class="line p\d\d" d="([^"]*)"', drawn)] == [2, 2, 2]
    assert re.findall(r'class="gap" x="([\d.]+)".*? width="([\d.]+)"', drawn) == [("900.00", "100.00")]
    assert bounds(VIEW.words)[0] == "0 – 100\u00a0ms"
