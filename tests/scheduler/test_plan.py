"""What becomes of each occurrence, and of a run whose attempt failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.delivery.decide import Turn, after_attempt, after_shortage, given_up, no_longer_called_for
from synkron.model import Action, Decision, Integration, Occurrences, Outcome, OutcomeKind, Run, Source, State
from synkron.scheduler.decide import decide, window_of
from synkron.scheduler.pauses import Hold
from synkron.settings.policy import CatchUp, Policies, Policy

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


def due(*minutes_late: float, number: int = 1, kind: str = "xledger", **changes: object) -> Occurrences:
    """An integration whose schedule fired so many minutes before noon, the earliest first."""
    moments = [NOON - MINUTE * late for late in minutes_late]
    return Occurrences(integration(number, kind, **changes), moments, moments[0] - MINUTE, moments[-1] + MINUTE)


def policies(**changes: object) -> Policies:
    return Policies({"xledger": Policy(**changes)})  # type: ignore[arg-type]


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
        "crashes": 0,
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
        pytest.param(
            CatchUp.LATEST, [1500, 1441, 60], ["expire", "expire", "run catch_up"], id="beyond the window of 24 h"
        ),
        pytest.param(CatchUp.LATEST, [3960, 2520], ["expire", "run catch_up"], id="the newest is always inside"),
        pytest.param(CatchUp.ALL, [44_000], ["run catch_up"], id="the only one, a month ago"),
        pytest.param(
            CatchUp.LATEST, [44_000, 0], ["run catch_up", "run schedule"], id="the newest missed, not on time"
        ),
        pytest.param(CatchUp.SKIP, [1500, 1441], ["expire", "skip"], id="all beyond 24 h"),
        pytest.param(CatchUp.ALL, [1500, 3, 2], ["expire", "run catch_up", "run catch_up"], id="each of the missed"),
        pytest.param(CatchUp.ALL, [2, 1, 0], ["run catch_up", "run catch_up", "run schedule"], id="each, and on time"),
    ],
)
def test_what_becomes_of_occurrences(catch_up: CatchUp, minutes_late: list[float], expected: list[str]) -> None:
    decisions = decide([due(*minutes_late)], NOON, policies(catch_up=catch_up))
    assert [_word(decision) for decision in decisions for _ in decision.moments] == expected
    assert all(decision.reason for decision in decisions)


def test_a_window_that_is_set_is_kept_to() -> None:
    """Then the newest missed moment may expire as well."""
    strict = policies(catch_up_window=timedelta(hours=1), catch_up_newest=False)
    assert [one.action for one in decide([due(90, 61)], NOON, strict)] == [Action.EXPIRE]
    assert [one.action for one in decide([due(90, 59)], NOON, strict)] == [Action.EXPIRE, Action.RUN]


@pytest.mark.parametrize(
    ("window", "written"),
    [
        (timedelta(minutes=1), "1m"),
        (timedelta(minutes=45), "45m"),
        (timedelta(hours=1, minutes=30), "1h30m"),
        (timedelta(days=1), "24h"),
    ],
)
def test_the_window_is_written_as_in_the_settings(window: timedelta, written: str) -> None:
    [decision] = decide([due(3000)], NOON, policies(catch_up_window=window, catch_up_newest=False))
    assert decision.reason == f"missed longer ago than the catch-up window of {written}"


def test_a_catch_up_run_covers_the_periods_of_all_it_stands_for() -> None:
    *_, decision = decide([due(4, 3, 2)], NOON, policies())
    assert decision.moments == [NOON - MINUTE * 2]
    assert decision.period_start == NOON - MINUTE * 5
    assert "3 occurrences" in decision.reason
    assert "no scheduler ticked" in decision.reason


def test_what_a_pause_held_says_so() -> None:
    decisions = decide([due(4, 3)], NOON, policies(), released={"i1": Hold.PAUSE})
    assert all("it was paused" in decision.reason for decision in decisions)


def test_catch_up_all_is_a_run_for_each_with_its_own_period() -> None:
    decisions = decide([due(4, 3, 2)], NOON, policies(catch_up=CatchUp.ALL))
    assert [(one.moments, one.period_start) for one in decisions] == [
        ([NOON - MINUTE * late], NOON - MINUTE * (late + 1)) for late in (4, 3, 2)
    ]
    assert {one.source for one in decisions} == {Source.CATCH_UP}


@pytest.mark.parametrize(("expired", "rows"), [(1, 1), (1000, 1000), (1001, 1)])
def test_many_expired_occurrences_are_one_row_that_counts_them(expired: int, rows: int) -> None:
    decision, newest = decide([due(*range(1500 + expired, 1499, -1))], NOON, policies())
    assert newest.action is Action.RUN
    assert (decision.action, len(decision.moments)) == (Action.EXPIRE, expired)
    assert len(_rows(decision)) == rows
    assert decision.period_start == NOON - MINUTE * (1501 + expired)


def test_a_schedule_is_not_applied_to_the_time_before_its_edit() -> None:
    edited = NOON - MINUTE * 3
    skipped, merged, run = decide([due(5, 4, 3, 2, updated_at=edited)], NOON, policies())
    assert (skipped.action, list(skipped.moments)) == (Action.SKIP, [NOON - MINUTE * 5, NOON - MINUTE * 4])
    assert "edited at 2026-03-02T11:57Z" in skipped.reason
    assert (merged.action, merged.moments) == (Action.MERGE, [NOON - MINUTE * 3])
    assert (run.action, run.period_start) == (Action.RUN, NOON - MINUTE * 4)


def test_an_edit_does_not_touch_what_is_on_time() -> None:
    (decision,) = decide([due(0, updated_at=NOON + MINUTE)], NOON, policies())
    assert decision.action is Action.RUN


def test_each_type_and_each_integration_has_its_own_policy() -> None:
    skip = Policy(catch_up=CatchUp.SKIP)
    known = Policies({"xledger": skip, "bufdir": Policy()}, {"i3": Policy(catch_up=CatchUp.ALL)})
    late = [due(5), due(5, number=2, kind="bufdir"), due(5, 4, number=3)]
    assert [(one.integration.integration_id, one.action) for one in decide(late, NOON, known)] == [
        ("i1", Action.SKIP),
        ("i2", Action.RUN),
        ("i3", Action.RUN),
        ("i3", Action.RUN),
    ]


moments = st.lists(st.integers(-1, 3000), unique=True, min_size=1, max_size=60).map(lambda late: sorted(late)[::-1])


@given(
    late=st.lists(moments, min_size=1, max_size=4),
    now=st.floats(-40, 40),
    catch_up=st.sampled_from(CatchUp),
    window=st.integers(1, 2000),
    spread=st.integers(0, 3000),
    edited=st.none() | st.integers(-5, 3000),
    newest=st.booleans(),
)
def test_every_occurrence_gets_exactly_one_decision_and_periods_tile(
    late: list[list[int]], now: float, catch_up: CatchUp, window: int, spread: int, edited: int | None, newest: bool
) -> None:
    updated_at = None if edited is None else NOON - MINUTE * edited
    fleet = [due(*one, number=number, updated_at=updated_at) for number, one in enumerate(late)]
    reach = {"catch_up_window": MINUTE * window, "catch_up_newest": newest}
    policy = policies(catch_up=catch_up, spread=MINUTE * spread, **reach)
    decisions = decide(fleet, NOON + MINUTE * now, policy)
    for one in fleet:
        mine = [decision for decision in decisions if decision.integration is one.integration]
        assert [moment for decision in mine for moment in decision.moments] == one.moments
        kept = [row for decision in mine if decision.action is not Action.MERGE for row in _rows(decision)]
        ends = [end for _, end in kept]
        assert [start for start, _ in kept] == [one.period_start, *ends[:-1]]
        assert ends[-1] == one.moments[-1]
        for decision in mine:
            if decision.action is Action.RUN:
                assert decision.execute_after is not None
                assert len(decision.moments) == 1
                assert decision.execute_after >= decision.moments[0]


@given(spread=st.integers(1, 300), names=st.sets(st.text(min_size=1), min_size=1, max_size=20))
def test_spread_is_the_integrations_own_and_never_past_the_next_occurrence(spread: int, names: set[str]) -> None:
    for name in names:
        twice = due(0, -60, integration_id=name)
        one, other = decide([twice], NOON, policies(spread=MINUTE * spread))
        assert one.execute_after is not None
        assert other.execute_after is not None
        assert NOON <= one.execute_after < NOON + MINUTE * min(spread, 60)
        assert NOON + MINUTE * 60 <= other.execute_after < NOON + MINUTE * 61


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


def turn(live: Integration | None, *, by_hand: bool = False, as_claimed: bool = False) -> Turn:
    return Turn(
        run=run(),
        state=State.CLAIMED,
        at=NOON,
        live=live,
        policy=Policy(),
        by_hand=by_hand,
        as_claimed=as_claimed,
        is_accepted=False,
        behind=None,
        pause=None,
    )


@pytest.mark.parametrize(
    ("live", "says"),
    [
        pytest.param(integration(), None, id="as it was"),
        pytest.param(None, "deleted", id="deleted"),
        pytest.param(integration(is_enabled=False), "disabled", id="disabled"),
        pytest.param(integration(cron_schedule=None), "no schedule", id="schedule removed"),
        pytest.param(integration(kind="bufdir"), None, id="another type: the run follows"),
        pytest.param(integration(org_id="o2"), None, id="another organization: the run follows"),
        pytest.param(integration(organization_exists=False, cron_schedule="5 * * * *"), None, id="no zone is known"),
        pytest.param(integration(kind="bufdir", is_enabled=False), "disabled", id="another type, and disabled"),
        pytest.param(
            integration(kind="bufdir", cron_schedule="5 * * * *"), "does not fire", id="another type, and another time"
        ),
        pytest.param(integration(cron_schedule="99 * * * *"), "invalid", id="now malformed"),
        pytest.param(integration(cron_schedule="5 * * * *"), '"5 * * * *"', id="another time"),
    ],
)
def test_a_run_is_superseded_by_its_row(live: Integration | None, says: str | None) -> None:
    reason = no_longer_called_for(turn(live), ["xledger", "bufdir"])
    assert (reason or "").find(says or "") >= 0
    assert (reason is None) == (says is None)


def test_texts_that_are_as_they_were_call_for_the_run_whatever_the_rules_say_here() -> None:
    other = integration(cron_schedule="5 * * * *")
    assert no_longer_called_for(turn(other, as_claimed=True), ["xledger"]) is None
    # A row whose id is also another's proves nothing.
    assert no_longer_called_for(turn(replace(other, oddity="id twice"), as_claimed=True), ["xledger"]) is not None


@pytest.mark.parametrize("live", [integration(cron_schedule="5 * * * *"), integration(cron_schedule=None)])
def test_a_run_that_an_operator_asked_for_is_not_held_against_the_schedule(live: Integration) -> None:
    assert no_longer_called_for(turn(live, by_hand=True), ["xledger"]) is None
    assert no_longer_called_for(turn(replace(live, is_enabled=False), by_hand=True), ["xledger"]) is not None


@pytest.mark.parametrize(
    ("failures", "crashes", "says"),
    [(0, 0, None), (2, 2, None), (3, 1, "3 attempts failed"), (3, 3, "lost its worker 3 times")],
)
def test_a_run_is_given_up(failures: int, crashes: int, says: str | None) -> None:
    reason = given_up(run(failures=failures, crashes=crashes), Policy())
    assert (reason is None) == (says is None)
    assert (says or "") in (reason or "")


def _word(decision: Decision) -> str:
    return f"run {decision.source}" if decision.action is Action.RUN else str(decision.action)


def _rows(decision: Decision) -> list[tuple[datetime | None, datetime]]:
    """The periods of the rows that a decision becomes."""
    if decision.in_summary:
        return [(decision.period_start, decision.moments[-1])]
    return list(zip([decision.period_start, *decision.moments[:-1]], decision.moments, strict=True))


@pytest.mark.parametrize(
    ("attempt", "failures", "wait"),
    [(1, 0, 1), (2, 0, 2), (2, 1, 1), (5, 1, 8), (9, 0, 256), (10, 0, 300), (300, 0, 300), (302, 2, 300)],
)
def test_a_run_that_could_not_be_sent_waits_longer_each_time(attempt: int, failures: int, wait: int) -> None:
    found = after_shortage(run(attempt=attempt, failures=failures))
    assert found is not None
    assert SECOND * wait <= found <= SECOND * wait * 1.1


@pytest.mark.parametrize(("attempt", "failures"), [(301, 0), (303, 2), (1000, 0)])
def test_after_a_day_of_it_the_attempt_counts(attempt: int, failures: int) -> None:
    assert after_shortage(run(attempt=attempt, failures=failures)) is None


def test_runs_that_could_not_be_sent_together_part() -> None:
    assert len({after_shortage(run(key=f"k{number}")) for number in range(100)}) == 100
