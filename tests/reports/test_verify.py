"""What a verification finds wrong with an integration, and what it can't know."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from synkron.ledger.keys import run_key
from synkron.model import Action, Source, State, Window
from synkron.reports.verify.basis import Basis
from synkron.reports.verify.evidence import FindingKind, LiveRow, RecordedDecision, Undelivered
from synkron.reports.verify.examine import Examined, examine
from synkron.reports.verify.invalid_rows import InvalidRowIncident, InvalidRows
from synkron.reports.verify.ticks import TickHistory, TickRow, full_transaction

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = Window(NOON - timedelta(hours=24), NOON)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
INSTALLATION = UUID(int=7)
# The attempts of a run, by its state.
OUTCOMES = {State.SUCCEEDED: "succeeded", State.FAILED: "final", State.RUNNING: "open"}


def tick(start: float, end: float, saw_below: int | None, **changes: Any) -> TickRow:
    """A tick whose window has these ends, in hours from noon."""
    at = NOON + HOUR * end - MINUTE / 2
    return replace(TickRow(1, at, Window(NOON + HOUR * start, NOON + HOUR * end), at, saw_below), **changes)


# The ticks of the day each saw what transactions below 1000 had written.
TICKED = TickHistory([tick(-24, 0, 1000)])


def standing(schedule: str = "0 * * * *", **changes: Any) -> LiveRow:
    row = LiveRow(
        "i1",
        "o1",
        "xledger",
        schedule,
        timezone=None,
        zone_is_number=False,
        organization_exists=True,
        updated_at=None,
        written=10,
        zone_written=10,
    )
    return row._replace(**changes)


def recorded(hour: float, **changes: Any) -> RecordedDecision:
    """A run of the hourly schedule, so many hours before noon, that went well; its attempts say what its state does."""
    moment = changes.get("scheduled_for", NOON - HOUR * hour)
    started = changes.get("started_at", moment)
    found = RecordedDecision(
        id=int(1000 - hour * 10),
        key=run_key(INSTALLATION, "i1", changes.get("source", Source.SCHEDULE), moment),
        integration_id="i1",
        org_id="o1",
        integration_type="xledger",
        cron_schedule="0 * * * *",
        timezone=None,
        source=Source.SCHEDULE,
        action=Action.RUN,
        state=State.SUCCEEDED,
        reason="on time",
        scheduled_for=moment,
        period_start=moment - HOUR,
        occurrences=1,
        execute_after=moment,
        claimed_at=moment - MINUTE / 2,
        started_at=moment,
        finished_at=(started or moment) + MINUTE,
        attempt=1,
        retries=0,
    )._replace(**changes)
    outcomes = OUTCOMES.get(State(found.state), "")
    made = len(outcomes.split())
    found = found._replace(outcomes=outcomes, attempt=made, last_attempt=made)
    if outcomes:
        ended = None if found.state == State.RUNNING else found.finished_at
        found = found._replace(attempted_from=found.started_at, attempted_to=ended)
    return found._replace(**changes)


def decided(**changes: Any) -> list[RecordedDecision]:
    """All the runs of the day, oldest first."""
    return [recorded(hour, **changes) for hour in range(23, -1, -1)]


def merged(hour: float) -> RecordedDecision:
    return recorded(hour, source=Source.CATCH_UP, action=Action.MERGE, state=State.SKIPPED, started_at=None)


def basis(window: Window = DAY, ticks: TickHistory = TICKED, **given: Any) -> Basis:
    return Basis(window, ticks, NOON, {"xledger"}, [INSTALLATION], **given)


def examined(ledger: Sequence[RecordedDecision], row: LiveRow | None = None, **given: Any) -> Examined:
    return examine(row or standing(), ledger, basis(**given))


def found(ledger: Sequence[RecordedDecision], row: LiveRow | None = None) -> list[tuple[str, float]]:
    """What is found, and how many hours before noon."""
    return [(one.kind.value, (NOON - one.at) / HOUR) for one in examined(ledger, row).findings]


def without(*hours: float) -> list[RecordedDecision]:
    return [one for one in decided() if (NOON - one.scheduled_for) / HOUR not in hours]


def test_a_day_in_order() -> None:
    assert examined(decided()) == Examined(24, [], gaps=[], doubts=[])


@pytest.mark.parametrize(
    ("row", "missed", "unexplained", "unprovable", "held"),
    [
        pytest.param(standing(), 2, 0, 0, 0, id="the row stood there all day"),
        pytest.param(standing(written=1000), 0, 2, 0, 0, id="it was written since, and the schedule ran before"),
        pytest.param(standing(written=None), 0, 2, 0, 0, id="nobody knows when it was written"),
        pytest.param(standing(zone_written=2000), 0, 2, 0, 0, id="its organization was edited since"),
        pytest.param(standing("0 */2 * * *", written=2000), 0, 0, 1, 0, id="its schedule was edited since"),
        pytest.param(standing(timezone="+02:00", written=2000), 0, 0, 2, 0, id="it is in another zone since"),
        pytest.param(standing(written=2000, updated_at=NOON - HOUR * 30), 2, 0, 0, 0, id="last edited before it"),
        pytest.param(standing(written=2000, updated_at=NOON - HOUR * 2), 0, 2, 0, 0, id="last edited after it"),
        pytest.param(standing(held_since=NOON - HOUR * 9), 0, 0, 0, 2, id="paused"),
        pytest.param(standing(held_since=NOON - HOUR * 8), 1, 0, 0, 1, id="paused after the first of them"),
    ],
)
def test_two_moments_that_were_not_decided(
    row: LiveRow, missed: int, unexplained: int, unprovable: int, held: int
) -> None:
    got = examined(without(8, 7), row)
    kinds = [one.kind for one in got.findings]
    assert (kinds.count(FindingKind.MISSED), kinds.count(FindingKind.UNEXPLAINED)) == (missed, unexplained)
    assert (got.unprovable, got.undelivered.get(Undelivered.HELD, 0)) == (unprovable, held)


BROKEN = InvalidRowIncident("i1", NOON - HOUR * 24, NOON - MINUTE / 2, rows=1, excuses=True)
OTHER = BROKEN._replace(subject="i2")
EDITED = standing(written=2000)


@pytest.mark.parametrize(
    ("incidents", "counted", "row", "expected"),
    [
        pytest.param([BROKEN], 1, EDITED, (0, 0, 2), id="an incident names the row"),
        pytest.param([BROKEN, OTHER], 2, EDITED, (0, 0, 2), id="and another row"),
        pytest.param([BROKEN._replace(subject="organization o1", rows=3)], 3, EDITED, (0, 0, 2), id="its organization"),
        pytest.param([BROKEN], 1, standing(), (2, 0, 0), id="a tick provably saw the valid row"),
        pytest.param([BROKEN], 0, EDITED, (0, 2, 0), id="the tick counted no invalid row: it was valid for a while"),
        pytest.param([BROKEN, OTHER], 1, EDITED, (0, 2, 0), id="one of the two was valid for a while"),
        pytest.param([BROKEN], 2, EDITED, (0, 2, 0), id="a row is invalid that no incident names"),
        pytest.param([OTHER], 1, EDITED, (0, 2, 0), id="it names another row"),
        pytest.param([BROKEN._replace(subject="many: schedule", rows=30)], 30, EDITED, (0, 2, 0), id="it names none"),
        pytest.param([BROKEN._replace(excuses=False)], 1, EDITED, (0, 2, 0), id="of a kind that excuses nothing"),
        pytest.param([BROKEN._replace(seen_at=NOON - MINUTE)], 1, EDITED, (0, 2, 0), id="it was over before the tick"),
        pytest.param([BROKEN._replace(since=NOON + MINUTE)], 1, EDITED, (0, 2, 0), id="it began after the tick"),
        pytest.param([], 1, EDITED, (0, 2, 0), id="there is no incident"),
    ],
)
def test_what_an_incident_of_invalid_rows_explains(
    incidents: list[InvalidRowIncident], counted: int, row: LiveRow, expected: tuple[int, int, int]
) -> None:
    ticks = TickHistory([tick(-24, 0, 1000, invalid=counted)])
    got = examine(row, without(8, 7), basis(ticks=ticks, invalid_rows=InvalidRows(incidents)))
    kinds = [one.kind for one in got.findings]
    missed, unexplained = kinds.count(FindingKind.MISSED), kinds.count(FindingKind.UNEXPLAINED)
    assert (missed, unexplained, got.could_not_run) == expected
    assert got.occurrences == 24 - got.could_not_run


def test_each_tick_that_had_to_decide_a_moment_must_have_seen_the_invalid_row() -> None:
    incident = BROKEN._replace(seen_at=NOON + HOUR)
    for counted, expected in (((1, 1), 0), ((0, 1), 1), ((1, 0), 1)):
        history = [tick(-24, 0, 1000, invalid=counted[0]), replace(tick(-1 / 60, 1 / 120, 1000), id=2)]
        history[1] = replace(history[1], invalid=counted[1])
        asked = basis(ticks=TickHistory(history), invalid_rows=InvalidRows([incident]))
        assert len(examine(EDITED, without(0), asked).findings) == expected


def test_a_row_that_was_added_today_owes_nothing_for_the_hours_before() -> None:
    got = examined(decided()[20:], standing(written=2000))
    assert (got.occurrences, got.unprovable, got.findings) == (24, 20, [])


def test_a_row_that_can_not_be_fired_owes_nothing() -> None:
    for row in (
        standing("99 * * * *"),
        standing(timezone="Europe/Atlantis"),
        standing(timezone="120"),
        standing(integration_type="fiken"),
    ):
        got = examined([], row)
        assert (got.occurrences, got.findings) == (0, [])
        assert got.invalid == 1


def test_a_row_that_is_gone_is_verified_by_what_it_left() -> None:
    got = examine(None, [recorded(3), recorded(2, period_start=NOON - HOUR * 5)], basis())
    assert (got.occurrences, {one.kind for one in got.findings}) == (2, {FindingKind.UNEXPLAINED, FindingKind.DOUBLED})


BY_HAND = {"source": Source.MANUAL, "scheduled_for": NOON - HOUR * 8 + timedelta(seconds=3), "cron_schedule": None}
SKIPPED = {"state": State.SKIPPED, "started_at": None}
WAITS = {"state": State.CLAIMED, "started_at": None, "finished_at": None}
RUNS = {"state": State.RUNNING, "finished_at": None}
SLOW = {"finished_at": NOON - HOUR * 5.5}


@pytest.mark.parametrize(
    ("instead", "expected"),
    [
        pytest.param([recorded(8, **SKIPPED)], [], id="skipped: superseded, or by overlap"),
        pytest.param([recorded(8, state=State.FAILED)], [], id="failed: a dead letter"),
        pytest.param([recorded(8, source=Source.BACKFILL)], [], id="backfilled before it was decided"),
        pytest.param([recorded(8, **SKIPPED), recorded(8, source=Source.BACKFILL)], [], id="skipped, backfilled"),
        pytest.param([recorded(8, **BY_HAND)], [("missed", 8)], id="run by hand around it, not decided"),
        pytest.param([recorded(8, has_tick=False)], [("unexplained", 8)], id="decided by no tick"),
        pytest.param(
            [recorded(8, cron_schedule="5 * * * *")],
            [("unexplained", 8)] * 2,
            id="another schedule, which does not fire",
        ),
        pytest.param(
            [recorded(8, timezone="+05:30")], [("unexplained", 8)] * 2, id="another zone, in which it does not fire"
        ),
        pytest.param([recorded(8, timezone="Atlantis")], [("unexplained", 8)] * 2, id="its zone is none"),
        pytest.param([recorded(8, timezone="120")], [("unexplained", 8)], id="another zone, a number of minutes"),
        pytest.param([recorded(8, timezone="+0200")], [("unexplained", 8)], id="another zone, an offset"),
        pytest.param([recorded(8, period_start=NOON - HOUR * 8.5)], [("unexplained", 8)], id="a period too short"),
        pytest.param(
            [recorded(8, period_start=NOON - HOUR * 10)], [("unexplained", 8), ("doubled", 8)], id="a period too long"
        ),
        pytest.param(
            [recorded(8, outcomes="succeeded succeeded", attempt=2, last_attempt=2)],
            [("doubled", 8)],
            id="succeeded twice",
        ),
        pytest.param(
            [recorded(8), recorded(8, id=1, source=Source.BACKFILL)], [("doubled", 8)], id="two runs for the moment"
        ),
        pytest.param(
            [recorded(8, key=recorded(3).key)],
            [("unexplained", 8), ("doubled", 3)],
            id="two runs with one key",
        ),
        pytest.param([recorded(8, started_at=NOON - HOUR * 8 + 5 * MINUTE)], [], id="five minutes late"),
        pytest.param([recorded(8, started_at=NOON - HOUR * 7.9)], [("late", 8)], id="six minutes late"),
        pytest.param(
            [recorded(8, execute_after=NOON - HOUR * 7.9, started_at=NOON - HOUR * 7.9)], [], id="spread or paced"
        ),
        pytest.param(
            [recorded(8, source=Source.CATCH_UP, claimed_at=NOON - HOUR * 2, started_at=NOON - HOUR * 2)],
            [],
            id="caught up",
        ),
        pytest.param(
            [recorded(8, paused_until=NOON - HOUR * 2, started_at=NOON - HOUR * 2)], [], id="waited for a pause"
        ),
        pytest.param([recorded(1, **WAITS)], [("late", 1)], id="has not started yet"),
        pytest.param([recorded(1, **WAITS, paused_until=NOON)], [], id="has not started yet, and is paused"),
        pytest.param([recorded(1, **RUNS), recorded(0, **WAITS)], [], id="waits for the one before it"),
        pytest.param([recorded(2, **WAITS), recorded(1, **WAITS)], [("late", 2)], id="two wait, the one for the other"),
        pytest.param(
            [
                recorded(8, **SLOW),
                recorded(7, started_at=NOON - HOUR * 5.5),
                recorded(6, started_at=NOON - HOUR * 5.49),
            ],
            [],
            id="two waited for a slow one",
        ),
        pytest.param(
            [recorded(8, **SLOW), recorded(7, started_at=NOON - HOUR * 5.3)], [("late", 7)], id="late after a slow one"
        ),
        pytest.param(
            [recorded(8, source=Source.BACKFILL, finished_at=NOON), recorded(7, started_at=NOON - HOUR * 6.5)],
            [("late", 7)],
            id="late, and the one before it was backfilled since",
        ),
        pytest.param(
            [recorded(8, **SLOW, integration_type="bufdir"), recorded(7, started_at=NOON - HOUR * 5.5)],
            [("unexplained", 8)],
            id="a slow one of the type that it had before",
        ),
        pytest.param(
            [recorded(25, **SLOW), recorded(8, started_at=NOON - HOUR * 5.5)],
            [],
            id="the slow one is from before the day",
        ),
        pytest.param([recorded(25, **WAITS)], [], id="what is from before the day is not verified itself"),
    ],
)
def test_a_day_with_other_rows_in_it(instead: list[RecordedDecision], expected: list[tuple[str, float]]) -> None:
    hours = [ceil((NOON - one.scheduled_for) / HOUR) for one in instead]
    ledger = sorted([*without(*hours), *instead], key=lambda one: one.scheduled_for)
    assert found(ledger) == expected


def test_an_outage_that_was_caught_up_by_one_run() -> None:
    latest = recorded(5, source=Source.CATCH_UP, period_start=NOON - HOUR * 9, claimed_at=NOON, started_at=NOON)
    ledger = [*without(8, 7, 6, 5), merged(8), merged(7), merged(6), latest]
    ledger.sort(key=lambda one: one.scheduled_for)
    assert found(ledger) == []
    short = latest._replace(period_start=NOON - HOUR * 7)
    assert found([short if one is latest else one for one in ledger]) == [("missed", 8), ("missed", 7)]
    assert found([one for one in ledger if one is not latest]) == [
        ("missed", 8),
        ("missed", 7),
        ("missed", 6),
        ("missed", 5),
    ]


def test_what_was_merged_into_a_run_that_was_skipped_is_counted_and_no_finding() -> None:
    latest = recorded(5, source=Source.CATCH_UP, period_start=NOON - HOUR * 9, claimed_at=NOON, **SKIPPED)
    ledger = [*without(8, 7, 6, 5), merged(8), merged(7), merged(6), latest]
    ledger.sort(key=lambda one: one.scheduled_for)
    assert (examined(ledger).findings, examined(ledger).undelivered) == (
        [],
        {Undelivered.MERGED: 3, Undelivered.SKIPPED: 1},
    )
    backfilled = recorded(7, source=Source.BACKFILL, claimed_at=NOON, started_at=NOON)
    assert examined([*ledger, backfilled]).undelivered[Undelivered.MERGED] == 2
    failed = recorded(
        5, source=Source.CATCH_UP, period_start=NOON - HOUR * 9, claimed_at=NOON - 6 * HOUR, state=State.FAILED
    )
    got = examined([failed if one is latest else one for one in ledger])
    assert (got.failed, got.findings, got.undelivered) == (1, [], {})


def test_what_was_merged_into_no_run_and_backfilled_since_is_not_missed() -> None:
    backfilled = recorded(7, source=Source.BACKFILL, claimed_at=NOON, started_at=NOON)
    assert found([*without(8, 7), merged(8), merged(7), backfilled]) == [("missed", 8)]


def test_a_run_after_the_window_whose_period_reaches_into_it() -> None:
    """It stands for what was merged into it, and is verified with its own window."""
    window = Window(DAY.start, NOON - HOUR * 6)
    latest = recorded(5, source=Source.CATCH_UP, period_start=NOON - HOUR * 8, claimed_at=NOON, started_at=NOON)
    ledger = [one for one in decided() if one.scheduled_for < NOON - HOUR * 7]
    got = examined([*ledger, merged(7), merged(6), latest], window=window)
    assert (got.occurrences, got.findings, got.undelivered, got.gaps) == (18, [], {}, [])


def summary(hour: float, start: float, occurrences: int) -> RecordedDecision:
    """One row for the hours up to this one, from ``start`` on."""
    return recorded(
        hour,
        source=Source.CATCH_UP,
        action=Action.EXPIRE,
        period_start=NOON - HOUR * start,
        occurrences=occurrences,
        **SKIPPED,
    )


def test_a_summary_of_expired_moments_stands_for_all_of_them() -> None:
    assert found([summary(0, 123, 123)]) == []
    assert found([summary(2, 123, 121)]) == [("missed", 1), ("missed", 0)]
    assert found([summary(0, 22, 22)]) == [("missed", 23), ("missed", 22)]


@pytest.mark.parametrize("occurrences", [2, 21, 23, 2**31 - 1])
def test_a_row_that_stands_for_more_moments_than_its_period_has_or_fewer_than_its_tick_had(occurrences: int) -> None:
    one = summary(0, 22, occurrences)._replace(ticked_from=NOON - HOUR * 30)
    assert found([recorded(23), recorded(22), one]) == [("unexplained", 0)]


def test_a_row_that_came_to_its_schedule_during_an_outage_stands_for_what_came_after() -> None:
    one = summary(0, 22, 10)._replace(ticked_from=NOON - HOUR * 10)
    assert found([recorded(23), recorded(22), one]) == []


def test_a_merge_is_held_by_any_run_after_it() -> None:
    """One of the missed hours was replayed before they were caught up."""
    replayed = recorded(7, source=Source.CATCH_UP)
    latest = recorded(5, source=Source.CATCH_UP, period_start=NOON - HOUR * 9, claimed_at=NOON, started_at=NOON)
    ledger = [*without(8, 7, 6, 5), merged(8), replayed, merged(6), latest]
    assert found(sorted(ledger, key=lambda one: one.scheduled_for)) == [("doubled", 5)]


def test_schedules_that_no_longer_fit_the_memory_are_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["synkron.reports.verify.basis"], "MEMO_LIMIT", 10)
    shared = basis()
    rows = [standing(f"{minute} * * * *") for minute in (0, 5, 0, 5, 0)]
    assert [len(examine(row, [], shared).findings) for row in rows] == [24, 24, 24, 24, 24]


def test_the_periods_of_an_edited_schedule_may_not_overlap() -> None:
    """Hourly until noon, then daily: what the daily run covers was exported hour by hour before."""
    daily = recorded(0, cron_schedule="0 12 * * *", period_start=NOON - HOUR * 24)
    assert found([*without(0), daily], standing("0 12 * * *", written=2000)) == [("doubled", 0)]


@pytest.mark.parametrize(
    ("written", "following", "number"),
    [
        pytest.param(700, 1000, 700, id="a young server"),
        pytest.param(700, (5 << 32) + 1000, (5 << 32) + 700, id="this epoch"),
        pytest.param(4_000_000_000, (5 << 32) + 1000, (4 << 32) + 4_000_000_000, id="the epoch before"),
        pytest.param(1000, (5 << 32) + 1000, (4 << 32) + 1000, id="the next one itself is not there yet"),
        pytest.param(2, 1000, None, id="frozen long ago: by which is not known"),
        pytest.param(0, 1000, None, id="none: a foreign table"),
        pytest.param(None, 1000, None, id="none: a view"),
    ],
)
def test_the_full_number_of_a_rows_transaction(written: int | None, following: int, number: int | None) -> None:
    assert full_transaction(written, following) == number


@pytest.mark.parametrize(
    ("ticks", "at", "transaction", "saw"),
    [
        pytest.param([tick(0, 1, 100)], 1, 99, True, id="written before the tick"),
        pytest.param([tick(0, 1, 100)], 1, 100, False, id="still open at the tick, or later"),
        pytest.param([tick(0, 1, 100)], 0, 99, False, id="nobody had to decide this moment"),
        pytest.param([tick(0, 1, 100)], 1, None, False, id="written nobody knows when"),
        pytest.param([tick(0, 1, None)], 1, 99, False, id="a tick of the previous release"),
        pytest.param([tick(0, 1, 100), tick(1, 2, 200)], 2, 150, True, id="seen by the tick that had to decide"),
        pytest.param([tick(0, 1, 100), tick(1, 2, 200)], 1, 150, False, id="written after the tick that had to decide"),
        pytest.param([tick(0, 3, 100), tick(1, 2, 200)], 2, 150, False, id="the clock had gone back when it was seen"),
        pytest.param([tick(0, 1, 100), tick(2, 3, 200)], 1.5, 50, True, id="in a hole, and there since before it"),
    ],
)
def test_what_the_ticks_saw(ticks: list[TickRow], at: float, transaction: int | None, saw: bool) -> None:
    assert TickHistory(ticks).saw(NOON + HOUR * at, transaction) is saw


@pytest.mark.parametrize(
    ("ticks", "holes"),
    [
        pytest.param([tick(0, 1, 1), tick(1, 3, 1)], [], id="side by side"),
        pytest.param([tick(-9, 1.5, 1), tick(1, 3, 1)], [], id="overlapping"),
        pytest.param([tick(0, 3, 1), tick(1, 2, 1)], [], id="the clock went back"),
        pytest.param([tick(0, 1, 1), tick(2, 3, 1)], [1], id="between two"),
        pytest.param([tick(1, 2, 1)], [0, 2], id="at both ends"),
        pytest.param([], [0], id="nobody ticked"),
    ],
)
def test_holes_between_ticks(ticks: list[TickRow], holes: list[float]) -> None:
    got = [one for one in TickHistory(ticks).faults(Window(NOON, NOON + HOUR * 3)) if "covers" in one.message]
    assert [(one.at - NOON) / HOUR for one in got] == holes


SCHEDULES = ["* * * * *", "*/7 * * * *", "0 */3 * * *", "30 2 * * *", "15 8-17 * * 1-5", "0 0 1 * *", "0 2 31 * *"]


@given(
    st.sampled_from(SCHEDULES),
    st.sampled_from(["UTC", "Europe/Oslo", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(0, 60 * 24 * 20),
    st.integers(1, 60 * 36),
    st.data(),
)
def test_exactly_the_decisions_that_were_removed_are_missed(
    schedule: str, zone: str, ago: int, minutes: int, data: st.DataObject
) -> None:
    """Of a ledger made by another cron library; away from changes of clocks, where the two differ."""
    window = Window(NOON - MINUTE * (ago + minutes), NOON - MINUTE * ago)
    moments = oracle(schedule, zone, window)
    kept = data.draw(st.lists(st.booleans(), min_size=len(moments), max_size=len(moments)))
    ledger = [
        recorded(
            0,
            scheduled_for=moment,
            period_start=None,
            action=Action.EXPIRE,
            cron_schedule=schedule,
            timezone=zone,
            **SKIPPED,
        )
        for moment, keep in zip(moments, kept, strict=True)
        if keep
    ]
    row = standing(schedule, timezone=zone)
    ticked = TickHistory([tick((window.start - NOON) / HOUR, (window.end - NOON) / HOUR, 1000)])
    got = examine(row, ledger, basis(window, ticked))
    missed = [moment for moment, keep in zip(moments, kept, strict=True) if not keep]
    assert [(one.kind, one.at) for one in got.findings] == [(FindingKind.MISSED, moment) for moment in missed]
    assert got.occurrences == len(moments)


def oracle(schedule: str, zone: str, window: Window) -> list[datetime]:
    moments: list[datetime] = []
    for local in CronSim(schedule, window.start.astimezone(ZoneInfo(zone))):
        moment = local.astimezone(UTC)
        if moment > window.end:
            return moments
        moments.append(moment)
    return moments


def gaps_of(ledger: Sequence[RecordedDecision]) -> list[tuple[float, float]]:
    """From when to when no run covers the time, in hours before noon."""
    return [((NOON - one.start) / HOUR, (NOON - one.end) / HOUR) for one in examined(ledger).gaps]


@pytest.mark.parametrize(
    ("ledger", "gaps"),
    [
        pytest.param(decided(), [], id="all delivered"),
        pytest.param([], [], id="nothing decided"),
        pytest.param([recorded(3, period_start=None)], [], id="a first run, from ever on"),
        pytest.param([*without(8, 7), recorded(8, **SKIPPED), recorded(7, **SKIPPED)], [(9, 7)], id="two were skipped"),
        pytest.param([*without(23), recorded(23, **SKIPPED)], [(24, 23)], id="the first was skipped"),
        pytest.param([*without(0), recorded(0, **SKIPPED)], [(1, 0)], id="the last was skipped"),
        pytest.param(without(8, 7), [(9, 7)], id="disabled for a while"),
        pytest.param(without(1, 0), [], id="disabled since"),
        pytest.param(without(23, 22), [], id="enabled in the meantime"),
        pytest.param(
            [*without(8, 7), recorded(7, source=Source.CATCH_UP, period_start=NOON - HOUR * 9), merged(8)],
            [],
            id="merged into a run",
        ),
        pytest.param(
            [*without(8, 7), recorded(7, **SKIPPED, source=Source.CATCH_UP, period_start=NOON - HOUR * 9), merged(8)],
            [(9, 7)],
            id="merged into a run that was skipped",
        ),
        pytest.param(
            [*without(8), recorded(8, **SKIPPED), recorded(8, source=Source.BACKFILL)], [], id="skipped and backfilled"
        ),
        pytest.param(
            [*without(8), recorded(8, **SKIPPED), recorded(7.5, source=Source.MANUAL, period_start=NOON - HOUR * 9)],
            [],
            id="run by hand",
        ),
        pytest.param([*without(8), recorded(8, state=State.FAILED)], [], id="one has failed: a retry delivers it"),
        pytest.param([*without(8), recorded(8, period_start=NOON - HOUR * 8.5)], [(9, 8.5)], id="a period too short"),
        pytest.param([recorded(25), recorded(2), recorded(0)], [(2, 1)], id="from the first decision in the day on"),
    ],
)
def test_the_time_that_no_run_covers(ledger: list[RecordedDecision], gaps: list[tuple[float, float]]) -> None:
    assert gaps_of(sorted(ledger, key=lambda one: one.scheduled_for)) == gaps


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (recorded(8, **SKIPPED, reason="superseded: the integration was disabled"), Undelivered.SUPERSEDED),
        (recorded(8, **SKIPPED, reason="cancelled by kari: wrong period"), Undelivered.CANCELLED),
        (recorded(8, **SKIPPED, reason="no target: set types.xledger.target"), Undelivered.SKIPPED),
        (recorded(8, **SKIPPED, action=Action.SKIP, source=Source.CATCH_UP), Undelivered.SKIPPED),
        (recorded(8, **SKIPPED, action=Action.EXPIRE, source=Source.CATCH_UP), Undelivered.EXPIRED),
        (recorded(8, state=State.FAILED), None),
        (
            recorded(8, state=State.FAILED, outcomes="retryable cancelled", attempt=2, last_attempt=2),
            Undelivered.CANCELLED,
        ),
        (recorded(8, state=State.FAILED, outcomes="cancelled final", attempt=2, last_attempt=2, retries=1), None),
        (recorded(8, **WAITS), None),
        (recorded(8), None),
    ],
)
def test_what_was_not_delivered_is_counted_by_reason(one: RecordedDecision, reason: Undelivered | None) -> None:
    ledger = sorted([*without(8), one], key=lambda row: row.scheduled_for)
    expected = {} if reason is None else {reason: 1}
    assert examined(ledger).undelivered == expected
    strictly = examined(ledger, is_strict=True)
    kinds = [found.kind for found in strictly.findings if found.kind is not FindingKind.LATE]
    assert kinds == ([] if reason is None else [FindingKind.UNDELIVERED, FindingKind.UNCOVERED])


def test_what_is_held_though_its_type_is_not_known_is_counted() -> None:
    got = examined(without(1, 0), standing(integration_type="fiken", held_since=NOON - HOUR * 2))
    assert (got.invalid, got.undelivered) == (1, {Undelivered.HELD: 2})


RETRYABLE = {"outcomes": "retryable succeeded", "attempt": 2, "last_attempt": 2}


@pytest.mark.parametrize(
    ("one", "is_found"),
    [
        pytest.param(recorded(8, **RETRYABLE), False, id="at the second attempt"),
        pytest.param(recorded(8, **RETRYABLE | {"outcomes": "lost succeeded"}), False, id="after a worker was lost"),
        pytest.param(
            recorded(8, **RETRYABLE | {"outcomes": "handed_back succeeded"}), False, id="after it was put back"
        ),
        pytest.param(recorded(8, **RETRYABLE | {"outcomes": "final succeeded"}), True, id="after a final failure"),
        pytest.param(
            recorded(8, **RETRYABLE | {"outcomes": "final succeeded"}, retries=1),
            False,
            id="an operator's other chance",
        ),
        pytest.param(recorded(8, **RETRYABLE | {"outcomes": "open succeeded"}), True, id="after one without an end"),
        pytest.param(recorded(8, **RETRYABLE | {"last_attempt": 3}), True, id="attempts 1 and 3"),
        pytest.param(
            recorded(8, **WAITS | {"outcomes": "retryable", "attempt": 1, "last_attempt": 1}), False, id="waits"
        ),
        pytest.param(
            recorded(8, **WAITS | {"outcomes": "lost", "attempt": 1, "last_attempt": 1}), False, id="follows its row"
        ),
        pytest.param(
            recorded(8, **WAITS | {"outcomes": "final", "attempt": 1, "last_attempt": 1}), True, id="waits, yet ended"
        ),
        pytest.param(
            recorded(8, **WAITS | {"outcomes": "final", "attempt": 1, "last_attempt": 1}, retries=1),
            False,
            id="retried",
        ),
        pytest.param(
            recorded(8, **SKIPPED, outcomes="lost", attempt=1, last_attempt=1), False, id="skipped as its worker died"
        ),
        pytest.param(
            recorded(8, **SKIPPED, outcomes="cancelled", attempt=1, last_attempt=1), True, id="skipped, yet cancelled"
        ),
        pytest.param(recorded(8, **SKIPPED, outcomes="open", attempt=1, last_attempt=1), True, id="skipped under way"),
        pytest.param(recorded(8, **RUNS), False, id="under way"),
        pytest.param(recorded(8, state=State.FAILED, outcomes="cancelled"), False, id="cancelled"),
        pytest.param(recorded(8, state=State.FAILED, outcomes="handed_back"), True, id="failed, yet put back"),
        pytest.param(
            recorded(8, state=State.FAILED, outcomes="", attempt=0, last_attempt=0), True, id="never attempted"
        ),
    ],
)
def test_a_state_that_its_attempts_bear_out_or_contradict(one: RecordedDecision, *, is_found: bool) -> None:
    ledger = sorted([*without(8), one], key=lambda row: row.scheduled_for)
    found_of_it = [found for found in examined(ledger).findings if found.kind is FindingKind.UNEXPLAINED]
    assert bool(found_of_it) is is_found


@pytest.mark.parametrize(
    ("before", "is_found"),
    [
        pytest.param([recorded(6), recorded(5)], False, id="the last decision ended there"),
        pytest.param([recorded(6), recorded(4)], True, id="none ended there"),
        pytest.param([recorded(5), recorded(4)], True, id="another came after that one"),
        pytest.param([recorded(5), recorded(4, **SKIPPED)], False, id="what came after was superseded"),
        pytest.param(
            [recorded(5), recorded(4, **SKIPPED, action=Action.EXPIRE, source=Source.CATCH_UP)], True, id="it expired"
        ),
        pytest.param([recorded(5), recorded(4, claimed_at=NOON)], False, id="what came after was decided later"),
        pytest.param([recorded(5), merged(4)], False, id="what came after was merged"),
    ],
)
def test_a_period_begins_where_the_decision_before_it_ended(before: list[RecordedDecision], *, is_found: bool) -> None:
    """Hourly until seven, then daily: the first period takes up where the last one before the edit ended."""
    first = recorded(0, cron_schedule="0 12 * * *", period_start=NOON - HOUR * 5)
    kinds = {kind for kind, hour in found([*before, first], standing("0 12 * * *", written=2000)) if not hour}
    assert ("unexplained" in kinds) is is_found


def test_where_a_period_begins_before_the_window_is_to_be_looked_up() -> None:
    first = recorded(0, cron_schedule="0 12 * * *", period_start=NOON - HOUR * 25)
    got = examined([first], standing("0 12 * * *", written=2000))
    assert (got.findings, [doubt.of for doubt in got.doubts]) == ([], [first])


@pytest.mark.parametrize(
    ("ticks", "count"),
    [
        pytest.param([tick(0, 1, 1), tick(1 - 1 / 60, 2, 1)], 1, id="begins earlier than it had to"),
        pytest.param([tick(0, 1, 1), tick(1, 2, 1)], 0, id="begins where the one before it ended"),
        pytest.param([tick(0, 1, 1), tick(1 - 1 / 120, 1 + 1 / 120, 1)], 0, id="begins half a minute before it"),
        pytest.param([tick(0, 1, 1), tick(1 - 1 / 240, 1 + 1 / 120, 1)], 1, id="begins later than it may"),
        pytest.param([tick(0, 1, 1, recorded_at=NOON + HOUR * 2)], 1, id="its row was written an hour later"),
        pytest.param([tick(0, 1, 1, recorded_at=NOON + HOUR * 2, is_asked=True)], 0, id="its moment was given"),
        pytest.param([tick(0, 1, 1), tick(0.5 - 1 / 120, 0.5, 1)], 1, id="the clock went back by half an hour"),
        pytest.param([tick(0, 1, 1), tick(1 - 1 / 48, 1 - 1 / 240, 1)], 0, id="the clock was set back a little"),
        pytest.param([tick(0, 1, 1, at=NOON)], 1, id="its window ends elsewhere"),
    ],
)
def test_ticks_that_do_not_follow_each_other(ticks: list[TickRow], count: int) -> None:
    found_of_them = TickHistory(ticks).faults(Window(NOON, NOON + HOUR))
    assert len([one for one in found_of_them if one.message.startswith("tick ")]) == count


@pytest.mark.parametrize(("copied", "count"), [(1 - 1 / 240, 0), (1 - 1 / 180, 1)])
def test_the_ticks_of_a_copy_begin_where_it_was_adopted(copied: float, count: int) -> None:
    ticks = [tick(1 - 1 / 240, 1, 1), tick(1 - 1 / 240, 1 + 1 / 240, 1)]
    got = TickHistory(ticks, NOON + HOUR * copied).faults(Window(NOON + HOUR * copied, NOON + HOUR))
    assert len([one for one in got if one.message.startswith("tick ")]) == count


SECOND = HOUR / 3600
# The last hour's moment is claimed half a minute ahead, and looked for again a second after it.
HALF_A_MINUTE_APART = TickHistory(
    [
        tick(-24, -1 / 60, 1000),
        tick(-1 / 60, 0, 1500),
        tick(0 - 29 / 3600, 31 / 3600, 2000),
    ]
)


@pytest.mark.parametrize(
    ("row", "is_found"),
    [
        pytest.param({"written": 1400}, True, id="before the claim"),
        pytest.param({"written": 1600}, False, id="after the claim"),
        pytest.param({"zone_written": 1600}, False, id="the organization, after the claim"),
        pytest.param({"written": 9000, "updated_at": NOON - SECOND * 31}, True, id="before the claim, it says"),
        pytest.param({"written": 9000, "updated_at": NOON - SECOND * 10}, False, id="after the claim, it says"),
    ],
)
def test_an_edit_in_the_half_minute_is_not_what_the_run_was_decided_by(row: dict[str, Any], *, is_found: bool) -> None:
    edited = standing("*/5 * * * *", timezone="UTC", **row)
    got = examined([recorded(0)], edited, ticks=HALF_A_MINUTE_APART, window=Window(NOON - MINUTE, NOON))
    assert bool([one for one in got.findings if "unchanged since" in one.message]) is is_found
