"""Tick after tick, at any times, with any schedules and policies: each occurrence is decided once, and periods tile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synkron.cron import parse, parse_zone
from synkron.model import Action, Decision, Integration, Occurrences
from synkron.scheduler.decide import decide, window_of
from synkron.settings.policy import CatchUp, Overlap, Policies, Policy
from synkron.source.due import occurrences_of

START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # a few hours before Oslo's clocks go forward
ZONES = [None, "Europe/Oslo", "Australia/Lord_Howe", "+05:45"]
EVERY = st.sampled_from(["*", "*/7", "0", "30", "0,45", "5-9"])
HOURS = st.sampled_from(["*", "*/3", "2", "0-6", "1,23"])
DAYS = st.sampled_from(["* * *", "* * 1-5", "29 * *", "*/2 * 0"])
SCHEDULES = st.tuples(EVERY, HOURS, DAYS).map(" ".join)
POLICIES = st.builds(
    Policy,
    catch_up=st.sampled_from(CatchUp),
    catch_up_window=st.integers(0, 3000).map(lambda minutes: timedelta(minutes=minutes)),
    catch_up_newest=st.booleans(),
    overlap=st.sampled_from(Overlap),
    spread=st.integers(0, 90).map(lambda minutes: timedelta(minutes=minutes)),
)
# Seconds from one tick to the next: usual ones, late ones, outages, and a clock that went back.
STEPS = st.one_of(st.just(30), st.integers(1, 300), st.integers(3_600, 200_000), st.integers(-900, -1))


# requirement R17.3
@settings(max_examples=200)
@given(
    schedule=SCHEDULES,
    zone=st.sampled_from(ZONES),
    policy=POLICIES,
    behind=st.integers(12 * 900, 200_000),  # so that no step back leaves what was decided
    steps=st.lists(STEPS, min_size=1, max_size=12),
)
def test_ticks_decide_every_occurrence_once(
    schedule: str, zone: str | None, policy: Policy, behind: int, steps: list[int]
) -> None:
    # A step back of more than the catch-up window may end inside moments that one row records as expired.
    assume(all(timedelta(seconds=-step) < policy.catch_up_window for step in steps if step < 0))
    row = Integration("i", "o", "xledger", True, schedule, True, zone)
    now = START
    first = watermark = now - timedelta(seconds=behind)
    ledger: dict[datetime, Decision] = {}
    starts: dict[datetime, datetime | None] = {}
    for step in [0, *steps]:
        now += timedelta(seconds=step)
        window = window_of(watermark, now)
        first = min(first, window.start)
        judged = occurrences_of(row, window, {"xledger"})
        assert isinstance(judged, Occurrences)
        for decision in decide([judged], now, Policies({"xledger": policy})):
            for moment, start in _rows(decision):
                if moment not in ledger:  # the ledger's unique key
                    ledger[moment], starts[moment] = decision, start
        watermark = max(watermark, window.end)
    expected = parse(schedule).occurrences(first, watermark, parse_zone(zone))
    decisions = {id(decision): decision for decision in ledger.values()}.values()
    assert sorted({moment for decision in decisions for moment in decision.moments}) == expected
    assert set(expected) - set(ledger) <= {moment for one in decisions if one.in_summary for moment in one.moments[:-1]}
    kept = [moment for moment in sorted(ledger) if ledger[moment].action is not Action.MERGE]
    assert [starts[moment] for moment in kept[1:]] == kept[:-1]
    if expected:
        assert starts[kept[0]] == parse(schedule).previous_before(expected[0], parse_zone(zone))


@settings(max_examples=300)
@given(
    policy=POLICIES,
    steps=st.lists(
        st.tuples(
            st.one_of(st.just(30), st.integers(1, 300), st.integers(3_600, 400_000)),
            st.none() | st.tuples(SCHEDULES, st.sampled_from(ZONES), st.booleans()),
            st.booleans(),
        ),
        min_size=2,
        max_size=14,
    ),
)
def test_periods_tile_whatever_is_edited(
    policy: Policy, steps: list[tuple[int, tuple[str, str | None, bool] | None, bool]]
) -> None:
    """Schedule and zone are edited, the row is disabled, claimed runs are superseded: no time falls between.

    ``ends`` is what the ledger answers (ledger.ended): where the periods ended that count.
    """
    row = Integration("i", "o", "xledger", True, "0 2 1 * *", True, None)
    now = watermark = START
    ends: dict[datetime, datetime | None] = {}
    for step, edit, is_superseded in steps:
        now += timedelta(seconds=step)
        if edit is not None:
            schedule, zone, is_enabled = edit
            row = replace(row, cron_schedule=schedule, timezone=zone, is_enabled=is_enabled)
        window = window_of(watermark, now)
        judged = occurrences_of(row, window, {"xledger"})
        assert isinstance(judged, Occurrences)
        watermark = max(watermark, window.end)
        if not judged.moments:
            continue
        ended = max((end for end in ends if end < judged.moments[0]), default=judged.period_start)
        decisions = decide([replace(judged, period_start=ended)], now, Policies({"xledger": policy}))
        kept = [row for one in decisions if one.action is not Action.MERGE for row in _rows(one)]
        new = [(end, start) for end, start in kept if end not in ends]
        if is_superseded and new and new[-1][0] == judged.moments[-1]:
            del new[-1]  # by an edit of the row before its turn
        ends.update(new)
    tiled = sorted(ends.items())
    assert [start for _, start in tiled[1:]] == [end for end, _ in tiled[:-1]]


def _rows(decision: Decision) -> list[tuple[datetime, datetime | None]]:
    """The rows that a decision becomes: their moments, and where their periods start."""
    if decision.in_summary:
        return [(decision.moments[-1], decision.period_start)]
    return list(zip(decision.moments, [decision.period_start, *decision.moments[:-1]], strict=True))
