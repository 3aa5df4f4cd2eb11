"""Where the time goes: the stages of a run that was to start at two o'clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.ledger.drift import AT_FAULT, Moments, Stage, began, lateness, lost_in, stages
from synkron.model import Source

TWO = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ON_TIME = Moments(
    Source.SCHEDULE,
    scheduled_for=TWO,
    execute_after=TWO,
    claimed_at=TWO - timedelta(seconds=30),
    enqueued_at=TWO - timedelta(seconds=30),
    started_at=TWO + timedelta(milliseconds=82),
    duration=timedelta(seconds=3),
)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=UTC)


def seconds(**lengths: float) -> dict[Stage, timedelta]:
    return {Stage(name): timedelta(seconds=length) for name, length in lengths.items()}


@pytest.mark.parametrize(
    ("changes", "expected", "late", "lost"),
    [
        pytest.param(
            {}, {"spread": 0, "tick": 0, "turn": 0, "worker": 0.082, "target": 3}, 0.082, Stage.WORKER, id="on time"
        ),
        pytest.param(
            {"execute_after": at("02:10"), "started_at": at("02:10:01")},
            {"spread": 600, "tick": 0, "turn": 0, "worker": 1, "target": 3},
            1,
            Stage.WORKER,
            id="spread over ten minutes, which is meant",
        ),
        pytest.param(
            {"started_at": at("02:07")},
            {"spread": 0, "tick": 0, "turn": 0, "worker": 420, "target": 3},
            420,
            Stage.WORKER,
            id="no worker ran",
        ),
        pytest.param(
            {"claimed_at": at("02:00:20"), "enqueued_at": at("02:00:20"), "started_at": at("02:00:21")},
            {"spread": 0, "tick": 20, "turn": 0, "worker": 1, "target": 3},
            21,
            Stage.TICK,
            id="claimed late",
        ),
        pytest.param(
            {"enqueued_at": at("02:20"), "started_at": at("02:20:01")},
            {"spread": 0, "tick": 0, "turn": 1200, "worker": 1, "target": 3},
            1201,
            Stage.TURN,
            id="behind an older run",
        ),
        pytest.param(
            {
                "source": Source.CATCH_UP,
                "claimed_at": at("04:12:30"),
                "execute_after": at("04:12:30"),
                "enqueued_at": at("04:12:30"),
                "started_at": at("04:12:31"),
            },
            {"spread": 0, "tick": 7950, "turn": 0, "worker": 1, "target": 3},
            7951,
            Stage.TICK,
            id="missed, and caught up at once",
        ),
        pytest.param(
            {
                "source": Source.CATCH_UP,
                "claimed_at": at("02:12:30"),
                "execute_after": at("02:42:30"),
                "enqueued_at": at("02:12:30"),
                "started_at": at("02:42:31"),
            },
            {"spread": 1800, "tick": 750, "turn": 0, "worker": 1, "target": 3},
            2551,
            Stage.TICK,
            id="missed, and caught up at its type's pace",
        ),
        pytest.param(
            {"enqueued_at": None, "started_at": at("02:07"), "duration": None},
            {"spread": 0, "tick": 0},
            420,
            None,
            id="by an earlier release, which did not record when it was enqueued",
        ),
        pytest.param(
            {"enqueued_at": None, "claimed_at": at("02:00:20"), "started_at": at("02:00:21")},
            {"spread": 0, "tick": 20, "target": 3},
            21,
            Stage.TICK,
            id="by an earlier release, and claimed late",
        ),
        pytest.param(
            {
                "source": Source.BACKFILL,
                "claimed_at": at("09:00"),
                "execute_after": at("09:00"),
                "enqueued_at": at("09:00"),
                "started_at": at("09:00:02"),
            },
            {"spread": 0, "tick": 0, "turn": 0, "worker": 2, "target": 3},
            None,
            Stage.WORKER,
            id="backfilled, which is never late",
        ),
    ],
)
def test_stages(changes: dict[str, Any], expected: dict[str, float], late: float | None, lost: Stage | None) -> None:
    run = replace(ON_TIME, **changes)
    assert stages(run) == seconds(**expected)
    assert lateness(run) == (None if late is None else timedelta(seconds=late))
    assert lost_in(run) is lost


def test_a_manual_run_is_never_late() -> None:
    assert lateness(replace(ON_TIME, source=Source.MANUAL, started_at=at("09:00"))) is None


MOMENTS = st.integers(min_value=-7200, max_value=7200).map(lambda number: TWO + timedelta(seconds=number))
RUNS = st.builds(
    Moments,
    source=st.sampled_from(Source),
    scheduled_for=st.just(TWO),
    execute_after=MOMENTS,
    claimed_at=MOMENTS,
    started_at=MOMENTS,
    enqueued_at=MOMENTS,
    duration=st.integers(min_value=0, max_value=7200).map(lambda number: timedelta(seconds=number)),
)


# requirement R17.4
@given(RUNS)
def test_stages_are_never_negative_and_sum_up(run: Moments) -> None:
    """However the moments lie to each other: from the scheduled moment to the answer."""
    found = stages(run)
    assert run.duration is not None
    assert set(found) == set(Stage)
    assert min(found.values()) >= timedelta()
    assert sum(found.values(), timedelta()) == max(run.started_at, began(run)) + run.duration - began(run)


@given(RUNS)
def test_what_is_not_on_record_changes_nothing_else(run: Moments) -> None:
    known, unknown = stages(run), stages(replace(run, enqueued_at=None, duration=None))
    assert unknown == {stage: known[stage] for stage in (Stage.SPREAD, Stage.TICK)}


@given(RUNS.filter(lambda run: run.source is Source.SCHEDULE))
def test_the_lateness_of_what_was_on_time_is_what_its_stages_lost(run: Moments) -> None:
    """Where it was allowed to start at its moment or later, as the ledger ensures."""
    run = replace(run, execute_after=max(run.execute_after, TWO))
    found = stages(run)
    if run.started_at >= run.execute_after:
        assert lateness(run) == sum((found[stage] for stage in AT_FAULT), timedelta())


@given(RUNS)
def test_the_stage_at_fault_is_never_a_meant_one(run: Moments) -> None:
    assert lost_in(run) in AT_FAULT
