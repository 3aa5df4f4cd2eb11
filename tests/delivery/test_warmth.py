"""When a target needs a warm-up, and how warm a run met it: tables, and properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.delivery.warm_up.warmth import KEPT, KnownWarmth, median, warmth_by_header, warmth_of
from synkron.model import CallTiming, Outcome, OutcomeKind, Warmth
from synkron.settings.policy import needs_warm_up

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
KEEP_WARM = timedelta(seconds=45)
LONG_AGO = NOON - timedelta(hours=1)
DONE = Outcome(OutcomeKind.SUCCEEDED, 200)
USUAL = [timedelta(milliseconds=milliseconds) for milliseconds in range(190, 210)]

seconds = st.floats(0, 1000).map(lambda number: timedelta(seconds=number))


def ms(milliseconds: float) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def test_the_usual_is_200_ms() -> None:
    assert (len(USUAL), median(USUAL)) == (20, ms(200))


@pytest.mark.parametrize(
    ("seconds_before", "keep_warm", "needed"),
    [
        (None, 45, True),
        (30, 45, False),
        (44.999, 45, False),
        (45, 45, False),
        (45.001, 45, True),
        (3600, 45, True),
        (3600, 3600, False),
        (0.001, 0, True),
        (0, 0, False),
        (-5, 45, False),
    ],
)
def test_a_target_that_will_still_be_warm_needs_no_warm_up(
    seconds_before: float | None, keep_warm: float, needed: bool
) -> None:
    met_at = None if seconds_before is None else NOON - timedelta(seconds=seconds_before)
    assert needs_warm_up(met_at, NOON, timedelta(seconds=keep_warm)) is needed


# requirement R16.3
@pytest.mark.parametrize(
    ("took", "up", "warmth"),
    [
        (800, 0, Warmth.COLD),
        (800, 300, Warmth.COLD),
        (800, 800, Warmth.COLD),
        (800, 801, Warmth.WARM),
        (5, 30_000, Warmth.WARM),
        (40_000, 30_000, Warmth.COLD),
        (0, 0, Warmth.COLD),
        (800, None, None),
    ],
)
def test_by_header_it_is_cold_if_it_booted_after_the_request_was_sent(
    took: float, up: float | None, warmth: Warmth | None
) -> None:
    assert warmth_by_header(ms(took), None if up is None else ms(up)) is warmth


@pytest.mark.parametrize(
    ("took", "recent", "was_idle", "expected"),
    [
        (701, USUAL, True, CallTiming(ms(701), Warmth.COLD, "time", ms(501))),
        (700, USUAL, True, CallTiming(ms(700), Warmth.COLD, "time", ms(500))),
        (699, USUAL, True, CallTiming(ms(699))),
        (701, USUAL, False, CallTiming(ms(701))),
        (701, USUAL[:-1], True, CallTiming(ms(701))),
        (701, [], True, CallTiming(ms(701))),
        # Notable, and not many times the usual.
        (6000, [ms(2000)] * 20, True, CallTiming(ms(6000))),
        (6001, [ms(2000)] * 20, True, CallTiming(ms(6001), Warmth.COLD, "time", ms(4001))),
        (200, USUAL, True, CallTiming(ms(200))),
    ],
)
def test_by_time_only_a_cold_start_is_told_and_only_of_an_idle_target(
    took: float, recent: list[timedelta], was_idle: bool, expected: CallTiming
) -> None:
    assert warmth_of(ms(took), None, recent, was_idle=was_idle) == expected


@pytest.mark.parametrize(
    ("took", "up", "recent", "expected"),
    [
        (800, 300, USUAL, CallTiming(ms(800), Warmth.COLD, "header", ms(600))),
        (800, 300, [ms(100)], CallTiming(ms(800), Warmth.COLD, "header", ms(700))),
        (800, 300, [], CallTiming(ms(800), Warmth.COLD, "header", ms(800))),
        (150, 100, USUAL, CallTiming(ms(150), Warmth.COLD, "header", ms(0))),
        (9000, 30_000, USUAL, CallTiming(ms(9000), Warmth.WARM, "header")),
    ],
)
def test_a_cold_start_costs_what_it_took_longer_than_a_warm_one(
    took: float, up: float, recent: list[timedelta], expected: CallTiming
) -> None:
    """What the target says outweighs its times: the last one is slow, and warm."""
    assert warmth_of(ms(took), ms(up), recent, was_idle=True) == expected


@given(seconds, st.none() | seconds, st.lists(seconds, max_size=30), st.booleans())
def test_every_meeting_is_one_that_the_ledger_takes(
    took: timedelta, up: timedelta | None, recent: list[timedelta], was_idle: bool
) -> None:
    timing = warmth_of(took, up, recent, was_idle=was_idle)
    assert timing.duration == took
    assert (timing.warmth is None) == (timing.known_by is None)
    assert (timing.cost is not None) == (timing.warmth is Warmth.COLD)
    assert timing.cost is None or timedelta() <= timing.cost <= took
    assert timing.warmth is not Warmth.WARM or timing.known_by == "header"


class TestAcquaintance:
    """What one worker remembers of a type's target."""

    @staticmethod
    def met(
        known: KnownWarmth,
        took: float,
        outcome: Outcome = DONE,
        *,
        at: datetime = NOON,
        before: datetime | None = None,
    ) -> CallTiming:
        return known.record(outcome, ms(took), began_at=at, met_before=before)

    def busy(self, answers: int = 20) -> KnownWarmth:
        """One that was met again and again until noon, and took 200 ms."""
        known = KnownWarmth(KEEP_WARM)
        for number in range(answers + 1):
            self.met(known, 200, at=NOON - timedelta(seconds=answers - number), before=known.met_at)
        return known

    def test_it_was_met_when_the_answer_came(self) -> None:
        known = self.busy()
        assert known.met_at == NOON + ms(200)
        known.note_call(LONG_AGO)
        assert known.met_at == NOON + ms(200)
        known.note_call(NOON + ms(300))
        assert known.met_at == NOON + ms(300)

    def test_a_first_meeting_tells_nothing(self) -> None:
        known = KnownWarmth(KEEP_WARM)
        assert self.met(known, 5000) == CallTiming(ms(5000))
        assert known.met_at == NOON + ms(5000)

    def test_idle_for_longer_than_it_keeps_warm_and_slow_it_was_cold(self) -> None:
        known = self.busy()
        later = NOON + KEEP_WARM + ms(201)
        slow = self.met(known, 2000, at=later, before=known.met_at)
        assert slow == CallTiming(ms(2000), Warmth.COLD, "time", ms(1800))

    @pytest.mark.parametrize("kind", [OutcomeKind.RETRYABLE, OutcomeKind.FINAL])
    def test_a_slow_failure_says_nothing(self, kind: OutcomeKind) -> None:
        known = self.busy()
        outcome = Outcome(kind, 500, "HTTP 500")
        assert self.met(known, 9000, outcome, at=NOON + timedelta(hours=1), before=known.met_at) == CallTiming(ms(9000))

    def test_while_it_is_kept_warm_slow_is_only_slow(self) -> None:
        known = self.busy()
        assert self.met(known, 2000, at=NOON + timedelta(seconds=30), before=known.met_at) == CallTiming(ms(2000))

    def test_a_warm_up_in_between_is_heard_of(self) -> None:
        known = self.busy()
        known.note_call(NOON + timedelta(minutes=59, seconds=31))
        assert self.met(known, 2000, at=NOON + timedelta(hours=1), before=known.met_at) == CallTiming(ms(2000))

    def test_runs_of_a_herd_that_began_together_are_all_judged_as_of_then(self) -> None:
        known, later = self.busy(), NOON + timedelta(hours=1)
        before = known.met_at
        herd = [self.met(known, 2000, at=later, before=before) for _ in range(3)]
        assert [one.warmth for one in herd] == [Warmth.COLD] * 3

    def test_without_an_answer_it_was_not_met(self) -> None:
        known = self.busy()
        timed_out = Outcome(OutcomeKind.RETRYABLE, error="no answer within 160 s")
        assert self.met(known, 160_000, timed_out, at=NOON + timedelta(hours=1), before=known.met_at) == CallTiming(
            ms(160_000)
        )
        assert known.met_at == NOON + ms(200)

    def test_a_callable_has_a_duration_and_no_warmth(self) -> None:
        known = KnownWarmth(KEEP_WARM)
        assert self.met(known, 300, Outcome(OutcomeKind.SUCCEEDED)) == CallTiming(ms(300))
        assert known.met_at is None

    def test_only_the_last_200_warm_answers_count(self) -> None:
        known = KnownWarmth(KEEP_WARM)
        up = timedelta(hours=1)
        for took in [*[10_000] * KEPT, *[100] * KEPT]:
            self.met(known, took, Outcome(OutcomeKind.SUCCEEDED, 200, uptime=up))
        cold = self.met(known, 700, Outcome(OutcomeKind.SUCCEEDED, 200, uptime=ms(1)))
        assert cold == CallTiming(ms(700), Warmth.COLD, "header", ms(600))

    def test_cold_starts_and_failures_do_not_move_what_is_usual(self) -> None:
        known = self.busy(3)
        for _ in range(10):
            self.met(known, 9000, Outcome(OutcomeKind.SUCCEEDED, 200, uptime=ms(1)))
            self.met(known, 9000, Outcome(OutcomeKind.RETRYABLE, 503, "HTTP 503"), before=known.met_at)
        cold = self.met(known, 700, Outcome(OutcomeKind.SUCCEEDED, 200, uptime=ms(1)))
        assert cold.cost == ms(500)
