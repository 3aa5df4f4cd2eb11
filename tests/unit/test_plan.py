"""What becomes of each occurrence, and of a run whose attempt failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.model import (
    Action,
    CatchUp,
    Decision,
    Integration,
    Occurrence,
    Outcome,
    OutcomeKind,
    Policy,
    Run,
    Source,
    State,
)
from synkron.plan import after_attempt, decide, superseded, window_of

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def integration(number: int = 1, kind: str = "xledger", **changes: object) -> Integration:
    values = {
        "integration_id": f"i{number}",
        "org_id": f"o{number}",
        "integration_type": kind,
        "is_enabled": True,
        "cron_schedule": "* * * * *",
        "organization_exists": True,
        "timezone": None,
    }
    return Integration(**(values | changes))  # type: ignore[arg-type]


def occurrence(moment: datetime, number: int = 1, kind: str = "xledger") -> Occurrence:
    return Occurrence(integration(number, kind), moment, moment - MINUTE)


def run(**changes: object) -> Run:
    values = {
        "id": 7,
        "key": "k",
        "integration_id": "i1",
        "org_id": "o1",
        "integration_type": "xledger",
        "source": Source.SCHEDULE,
        "scheduled_for": NOON,
        "period_start": NOON - MINUTE,
        "period_end": NOON,
        "attempt": 1,
        "failures": 0,
        "drift": timedelta(),
    }
    return Run(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("watermark", "now", "start", "end"),
    [
        pytest.param(NOON, NOON, NOON - 30 * SECOND, NOON + 30 * SECOND, id="on the minute, half a minute ahead"),
        pytest.param(NOON + 30 * SECOND, NOON, NOON - 30 * SECOND, NOON + 30 * SECOND, id="a second scheduler"),
        pytest.param(NOON - MINUTE * 90, NOON, NOON - MINUTE * 90, NOON + 30 * SECOND, id="after an outage"),
        pytest.param(NOON + MINUTE * 60, NOON, NOON - 30 * SECOND, NOON + 30 * SECOND, id="the clock went back"),
    ],
)
def test_the_window_goes_from_the_watermark_to_half_a_minute_ahead(
    watermark: datetime, now: datetime, start: datetime, end: datetime
) -> None:
    window = window_of(watermark, now)
    assert (window.start, window.end) == (start, end)


@pytest.mark.parametrize(
    ("catch_up", "minutes_late", "expected"),
    [
        pytest.param(CatchUp.LATEST, [0], ["run schedule"], id="on time"),
        pytest.param(CatchUp.LATEST, [-0.5], ["run schedule"], id="half a minute ahead"),
        pytest.param(CatchUp.LATEST, [0.5], ["run schedule"], id="half a minute late is on time"),
        pytest.param(CatchUp.LATEST, [2], ["run catch_up"], id="one missed"),
        pytest.param(CatchUp.LATEST, [3, 2, 1], ["merge", "merge", "run catch_up"], id="three missed become one"),
        pytest.param(CatchUp.LATEST, [2, 1, 0], ["merge", "run catch_up", "run schedule"], id="missed and on time"),
        pytest.param(CatchUp.SKIP, [2, 1, 0], ["skip", "skip", "run schedule"], id="missed ones are skipped"),
        pytest.param(CatchUp.LATEST, [1500, 1441, 60], ["expire", "run catch_up"], id="beyond the window of 24 h"),
        pytest.param(CatchUp.SKIP, [1500, 1441], ["expire"], id="all beyond the window"),
    ],
)
def test_what_becomes_of_occurrences(catch_up: CatchUp, minutes_late: list[float], expected: list[str]) -> None:
    occurrences = [occurrence(NOON - MINUTE * late) for late in minutes_late]
    decisions = decide(occurrences, NOON, {"xledger": Policy(catch_up=catch_up)})
    assert [_word(decision) for decision in decisions] == expected
    assert all(decision.reason for decision in decisions)


def test_a_catch_up_run_covers_the_periods_of_all_it_stands_for() -> None:
    missed = [occurrence(NOON - MINUTE * late) for late in (4, 3, 2)]
    *_, decision = decide(missed, NOON, {"xledger": Policy()})
    assert decision.occurrence.scheduled_for == NOON - MINUTE * 2
    assert decision.period_start == NOON - MINUTE * 5
    assert "3 occurrences" in decision.reason


def test_expired_occurrences_are_one_row_that_counts_them() -> None:
    expired = [occurrence(NOON - MINUTE * late) for late in (1500, 1499, 1498)]
    (decision,) = decide(expired, NOON, {"xledger": Policy()})
    assert (decision.action, decision.occurrences) == (Action.EXPIRE, 3)
    assert decision.period_start == NOON - MINUTE * 1501


def test_each_type_has_its_own_policy() -> None:
    late = [occurrence(NOON - MINUTE * 5, 1, "xledger"), occurrence(NOON - MINUTE * 5, 2, "bufdir")]
    policies = {"xledger": Policy(catch_up=CatchUp.SKIP), "bufdir": Policy()}
    assert {d.occurrence.integration.integration_type: d.action for d in decide(late, NOON, policies)} == {
        "xledger": Action.SKIP,
        "bufdir": Action.RUN,
    }


@given(
    late=st.lists(st.tuples(st.integers(1, 4), st.integers(-1, 3000)), unique=True, max_size=60),
    catch_up=st.sampled_from(CatchUp),
    window=st.integers(1, 2000),
)
def test_every_occurrence_gets_exactly_one_decision_and_periods_tile(
    late: list[tuple[int, int]], catch_up: CatchUp, window: int
) -> None:
    occurrences = _tiling(late)
    decisions = decide(occurrences, NOON, {"xledger": Policy(catch_up=catch_up, catch_up_window=MINUTE * window)})
    assert sum(decision.occurrences for decision in decisions) == len(occurrences)
    assert len({_slot(decision) for decision in decisions}) == len(decisions)
    assert {_slot(decision) for decision in decisions} <= {
        (one.integration.integration_id, one.scheduled_for) for one in occurrences
    }
    for number in range(1, 5):
        mine = [one for one in occurrences if one.integration.integration_id == f"i{number}"]
        kept = [d for d in decisions if _slot(d)[0] == f"i{number}" and d.action is not Action.MERGE]
        edges = [(d.period_start, d.occurrence.scheduled_for) for d in kept]
        assert [start for start, _ in edges[1:]] == [end for _, end in edges[:-1]]
        if mine:
            assert edges[0][0] == mine[0].period_start
            assert edges[-1][1] == mine[-1].scheduled_for


@pytest.mark.parametrize(
    ("failures", "outcome", "state"),
    [
        pytest.param(0, Outcome(OutcomeKind.SUCCEEDED), State.SUCCEEDED, id="succeeded"),
        pytest.param(0, Outcome(OutcomeKind.FINAL), State.FAILED, id="not worth another try"),
        pytest.param(0, Outcome(OutcomeKind.RETRYABLE), State.CLAIMED, id="first failure"),
        pytest.param(1, Outcome(OutcomeKind.RETRYABLE), State.CLAIMED, id="second failure"),
        pytest.param(2, Outcome(OutcomeKind.RETRYABLE), State.FAILED, id="the last attempt failed"),
    ],
)
def test_the_state_after_an_attempt(failures: int, outcome: Outcome, state: State) -> None:
    assert after_attempt(run(failures=failures), outcome, Policy())[0] is state


@pytest.mark.parametrize(
    ("failures", "backoff", "least", "most"),
    [
        (0, MINUTE, MINUTE, MINUTE * 1.1),
        (1, MINUTE, MINUTE * 2, MINUTE * 2.2),
        (3, MINUTE, MINUTE * 8, MINUTE * 8.8),
        (60, MINUTE, MINUTE * 60, MINUTE * 66),
        (5, MINUTE * 120, MINUTE * 120, MINUTE * 132),
    ],
)
def test_the_wait_doubles_up_to_an_hour(failures: int, backoff: timedelta, least: timedelta, most: timedelta) -> None:
    policy = Policy(attempts=100, backoff=backoff)
    _, wait = after_attempt(run(failures=failures), Outcome(OutcomeKind.RETRYABLE), policy)
    assert least <= wait <= most


def test_a_target_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() -> None:
    asked = Outcome(OutcomeKind.RETRYABLE, retry_after=MINUTE * 30)
    assert after_attempt(run(), asked, Policy())[1] == MINUTE * 30
    hasty = Outcome(OutcomeKind.RETRYABLE, retry_after=SECOND)
    assert after_attempt(run(), hasty, Policy())[1] >= MINUTE


@pytest.mark.parametrize(
    ("live", "moments", "says"),
    [
        pytest.param(integration(), [NOON], None, id="as it was"),
        pytest.param(None, [], "deleted", id="deleted"),
        pytest.param(integration(is_enabled=False), [], "disabled", id="disabled"),
        pytest.param(integration(cron_schedule=None), [], "no schedule", id="schedule removed"),
        pytest.param(integration(kind="bufdir"), [NOON], "type is now bufdir", id="another type"),
        pytest.param(integration(org_id="o2"), [NOON], "organization o2", id="another organization"),
        pytest.param(integration(cron_schedule="99 * * * *"), None, "invalid", id="now malformed"),
        pytest.param(integration(cron_schedule="5 * * * *"), [], '"5 * * * *"', id="another time"),
    ],
)
def test_a_run_is_superseded_by_its_row(live: Integration | None, moments: list[datetime] | None, says: str) -> None:
    reason = superseded(run(), live, moments)
    assert (reason or "").find(says or "") >= 0
    assert (reason is None) == (says is None)


def _word(decision: Decision) -> str:
    return f"run {decision.source}" if decision.action is Action.RUN else str(decision.action)


def _slot(decision: Decision) -> tuple[str, datetime]:
    return decision.occurrence.integration.integration_id, decision.occurrence.scheduled_for


def _tiling(late: list[tuple[int, int]]) -> list[Occurrence]:
    """Occurrences of up to four integrations, each with the period since its previous one."""
    found: list[Occurrence] = []
    for number in range(1, 5):
        moments = sorted(NOON - MINUTE * minutes for which, minutes in late if which == number)
        starts = [moments[0] - MINUTE, *moments] if moments else []
        pairs = zip(moments, starts, strict=False)
        found += [Occurrence(integration(number), moment, start) for moment, start in pairs]
    return found
