"""What rows of the ledger come to: which periods are exported, and which time is not covered and why."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from synkron.model import Window
from synkron.reports.exports.coverage import Export, Period, Reason, Recorded, export_of
from synkron.reports.exports.covered_time import CoveredTime
from tests.support.fleet import utc

HOUR = timedelta(hours=1)
START = utc("2026-03-03T00:00:00")
DAY = Window(START, START + 24 * HOUR)
WHOSE = ("i", "o", "xledger")


def exported(*stretches: tuple[int, int]) -> list[Recorded]:
    """Successful runs, by the hours that each stretch of them covers."""
    return [Recorded(*WHOSE, START + since * HOUR, START + until * HOUR, until - since) for since, until in stretches]


def row(since: int, until: int, **facts: Any) -> Recorded:
    """Another row of the ledger, by the hours of its period."""
    return Recorded(*WHOSE, START + since * HOUR, START + until * HOUR, 1, id=until)._replace(**facts)


def judged(*rows: Recorded, pending: tuple[Period, ...] = ()) -> tuple[int, dict[str, int], list[tuple[int, int, str]]]:
    """How many periods are exported, how many are not and why, and the hours that are not covered."""
    found: Export = export_of(WHOSE, sorted(rows, key=lambda one: one.until), pending, DAY)
    hours = [
        ((one.window.start - START) // HOUR, (one.window.end - START) // HOUR, one.reason.value)
        for one in found.uncovered
    ]
    return found.exported, {reason.value: number for reason, number in found.missing.items()}, hours


FAILED = {"state": "failed", "error": "HTTP 403: no", "http_status": 403}
SKIPPED = {"state": "skipped"}


def test_failures_in_a_row_are_one_stretch_and_others_are_not() -> None:
    other = FAILED | {"http_status": 500}
    assert judged(*exported((0, 1), (4, 24)), row(1, 2, **FAILED), row(2, 3, **FAILED), row(3, 4, **other)) == (
        21,
        {"failed": 3},
        [(1, 3, "failed"), (3, 4, "failed")],
    )


def test_what_a_later_run_took_over_is_exported() -> None:
    superseded = row(1, 2, **SKIPPED, reason="superseded: the schedule is now another")
    assert judged(*exported((0, 1), (1, 3)), superseded) == (4, {}, [])
    assert judged(*exported((0, 1)), superseded, row(1, 3, state="claimed"))[1:] == ({"open": 2}, [(1, 3, "open")])
    assert judged(*exported((0, 1)), superseded)[1:] == ({"superseded": 1}, [(1, 2, "superseded")])


def test_what_was_merged_shares_the_fate_of_its_run() -> None:
    merged = [row(hour, hour + 1, **SKIPPED, action="merge", source="catch_up") for hour in (0, 1)]
    assert judged(*exported((0, 3)), *merged) == (5, {}, [])
    assert judged(*merged, row(0, 3, **FAILED)) == (0, {"failed": 3}, [(0, 3, "failed")])
    assert judged(*merged, row(0, 3, **SKIPPED, reason="cancelled by kari: no")) == (
        0,
        {"merged": 2, "cancelled": 1},
        [(0, 2, "merged"), (2, 3, "cancelled")],
    )


def test_a_moment_with_a_backfill_counts_once() -> None:
    skipped = row(1, 2, **SKIPPED, action="skip", reason="missed: nobody ticked")
    assert judged(skipped, row(1, 2, **FAILED, source="backfill"))[:2] == (0, {"failed": 1})
    assert judged(row(1, 2, **SKIPPED, source="backfill", reason="cancelled by kari: no"), skipped)[1] == {
        "cancelled": 1
    }


def test_a_row_for_many_moments_is_counted_by_its_schedule_without_those_that_were_backfilled() -> None:
    expired = {"state": "skipped", "action": "expire", "cron_schedule": "0 * * * *"}
    many = row(0, 20, **expired, periods=20, own=[START + 5 * HOUR])
    assert judged(*exported((4, 5)), many) == (1, {"expired": 19}, [(0, 4, "expired"), (5, 20, "expired")])
    unreadable = many._replace(cron_schedule="nonsense")
    assert judged(*exported((4, 5)), unreadable)[1] == {"expired": 19}


def test_a_later_run_that_failed_leaves_time_of_the_range_without_its_period() -> None:
    assert judged(*exported((0, 20)), row(20, 30, **FAILED)) == (20, {}, [(20, 24, "failed")])


def test_undecided_periods() -> None:
    paused = Period(START + 20 * HOUR, START + 21 * HOUR, Reason.PAUSED)
    invalid = Period(START + 21 * HOUR, START + 24 * HOUR, Reason.INVALID, 0)
    assert judged(*exported((0, 20)), pending=(paused, invalid)) == (
        20,
        {"paused": 1},
        [(20, 21, "paused"), (21, 24, "invalid")],
    )


MINUTES = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)


@given(st.lists(MINUTES, max_size=12), MINUTES)
def test_windows_are_the_minutes_that_were_added(added: list[list[int]], asked: list[int]) -> None:
    def window(minutes: list[int]) -> Window:
        return Window(*(START + minute * HOUR / 60 for minute in minutes))

    time = CoveredTime(map(window, added))
    covered = {minute for since, until in added for minute in range(since, until)}
    missing = [minute for one in time.missing(window(asked)) for minute in _minutes(one)]
    assert missing == [minute for minute in range(*asked) if minute not in covered]
    kept = list(time)
    assert [minute for one in kept for minute in _minutes(one)] == sorted(covered)
    assert all(one.end < other.start for one, other in pairwise(kept))


def _minutes(one: Window) -> range:
    minute = HOUR / 60
    return range((one.start - START) // minute, (one.end - START) // minute)
