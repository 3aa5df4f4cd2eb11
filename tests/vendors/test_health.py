"""What is known of an endpoint after each contact with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.model import Outcome, OutcomeKind
from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.vendors.health import (
    FURTHEST_RESET,
    LONGEST_BACKOFF,
    Contact,
    Health,
    Sample,
    Verdict,
    Watch,
    backoff,
    health_after,
    sample_of_run,
)
from synkron.vendors.probe_times import next_month, next_probe, probe_blocks

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUARTER = timedelta(minutes=15)
NEVER = datetime(2026, 1, 1, tzinfo=UTC)

WATCH = Watch("https://vendor.example/", ("xledger",), True, QUARTER, timedelta(seconds=10), timedelta(seconds=5))
PASSIVE = replace(WATCH, endpoint="type xledger", probes=False)
COUNTED = replace(WATCH, interval=timedelta(minutes=90), allowance=5000, most_probes=500)
NEW = Health(
    WATCH.endpoint, ("xledger",), Verdict.UNKNOWN, "it was not contacted yet", None, NEVER, next_probe_at=NEVER
)


def after(*samples: Sample, watch: Watch = WATCH, health: Health = NEW) -> Health:
    """What is known after the samples; each probe among them was claimed when it was sent."""
    for sample in samples:
        if sample.source is Contact.PROBE:
            health = replace(health, probed_at=sample.at)
        health = health_after(health, sample, watch)
    return health


def probe(finding: str, minutes: float = 0, **changes: object) -> Sample:
    return Sample(NOON + MINUTE * minutes, Contact.PROBE, Verdict(finding), f"a probe {finding}", **changes)  # type: ignore[arg-type]


def run(finding: str, minutes: float = 0, **changes: object) -> Sample:
    return Sample(NOON + MINUTE * minutes, Contact.RUN, Verdict(finding), f"a run {finding}", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("samples", "verdict", "known_by"),
    [
        ([probe("healthy")], "healthy", "probe"),
        ([run("healthy")], "healthy", "run"),
        ([probe("degraded")], "degraded", "probe"),
        ([probe("unauthorized")], "unauthorized", "probe"),
        ([probe("unreachable")], "unreachable", "probe"),
        ([probe("throttled")], "throttled", "probe"),
        ([run("throttled")], "throttled", "run"),
        # One organization's failed run is weak evidence, a second in a row is not.
        ([probe("healthy"), run("unreachable", 1)], "degraded", "run"),
        ([probe("healthy"), run("unreachable", 1), run("unreachable", 2)], "unreachable", "run"),
        ([probe("healthy"), run("unreachable", 1, contacts=2)], "unreachable", "run"),
        ([probe("healthy"), run("unreachable", 1), run("healthy", 2), run("unreachable", 3)], "degraded", "run"),
        ([run("unreachable"), probe("healthy", 1), run("unreachable", 2)], "degraded", "run"),
        ([run("unreachable"), probe("unreachable", 1)], "unreachable", "probe"),
        # What a probe has found is not softened by a failed run, only by a good one.
        ([probe("unreachable"), run("unreachable", 1)], "unreachable", "probe"),
        ([probe("unauthorized"), run("unreachable", 1)], "unauthorized", "probe"),
        ([probe("unreachable"), run("healthy", 1)], "healthy", "run"),
        # While the vendor has had enough, runs alone tell.
        ([probe("throttled"), run("unreachable", 1)], "unreachable", "passive"),
        ([probe("throttled"), run("healthy", 1)], "healthy", "passive"),
        ([probe("throttled"), run("throttled", 1)], "throttled", "passive"),
        ([probe("throttled"), run("unreachable", 1), run("healthy", 2)], "healthy", "passive"),
        ([probe("throttled"), run("unreachable", 1), probe("healthy", 61)], "healthy", "probe"),
    ],
)
def test_verdicts(samples: list[Sample], verdict: str, known_by: str) -> None:
    known = after(*samples)
    assert (known.verdict, known.known_by) == (verdict, known_by)


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        ([run("healthy")], "healthy"),
        ([run("unreachable")], "unreachable"),
        ([run("unreachable"), run("healthy", 1)], "healthy"),
        ([run("throttled")], "throttled"),
    ],
)
def test_a_type_that_is_never_probed(samples: list[Sample], verdict: str) -> None:
    known = after(*samples, watch=PASSIVE)
    assert (known.verdict, known.known_by, known.next_probe_at) == (verdict, "passive", None)
    assert next_probe(known, PASSIVE, 0, NOON) is None


def test_since_is_when_the_verdict_changed_and_the_reason_is_the_latest() -> None:
    known = after(
        probe("healthy"), probe("healthy", 15), probe("unreachable", 30), replace(probe("unreachable", 45), reason="r")
    )
    assert (known.since, known.reason, known.sampled_at) == (NOON + 30 * MINUTE, "r", NOON + 45 * MINUTE)


@pytest.mark.parametrize(
    ("samples", "watch", "minutes"),
    [
        # The interval counts from the last good sample of either kind.
        ([probe("healthy")], WATCH, 15),
        ([probe("healthy"), run("healthy", 7)], WATCH, 22),
        ([probe("degraded")], WATCH, 15),
        # A failed run makes a probe due as soon as one may go.
        ([probe("healthy"), run("unreachable", 5)], WATCH, 15),
        ([probe("healthy"), run("healthy", 20), run("unreachable", 21)], WATCH, 21),
        # A failed run is no reason to shorten what failed probes wait.
        ([probe("unauthorized"), run("unreachable", 1)], WATCH, None),
        # After a refusal: when the vendor says, else after an hour; never before a probe may go.
        ([probe("throttled", resets_at=NOON + 40 * MINUTE)], WATCH, 40),
        ([probe("throttled")], WATCH, 60),
        ([probe("throttled", rest=20 * MINUTE)], WATCH, 20),
        ([probe("healthy"), run("throttled", 1, rest=timedelta(seconds=5))], WATCH, 15),
        ([probe("throttled", rest=20 * MINUTE), run("healthy", 10), run("unreachable", 18)], WATCH, 20),
        # A good run is good news, and no reason to send what the vendor does not want.
        ([probe("throttled", resets_at=NOON + 300 * MINUTE), run("healthy", 5)], WATCH, 300),
        ([probe("throttled", resets_at=NOON + 300 * MINUTE), run("healthy", 299)], WATCH, 314),
        ([probe("throttled", resets_at=NOON + 300 * MINUTE), run("unreachable", 5)], WATCH, 300),
    ],
)
def test_when_the_next_probe_goes(samples: list[Sample], watch: Watch, minutes: int | None) -> None:
    known = after(*samples, watch=watch)
    expected = NOON + backoff(WATCH.endpoint, 1, QUARTER) if minutes is None else NOON + MINUTE * minutes
    assert next_probe(known, watch, 0, samples[-1].at) == expected


@pytest.mark.parametrize(
    ("samples", "counted", "minutes"),
    [
        ([probe("healthy")], 0, 90),
        ([probe("healthy")], 400, 90),
        # At noon of the first, eight of the month's 500 have their place.
        ([probe("healthy"), run("unreachable", 5)], 8, 15),
        ([probe("healthy"), run("unreachable", 5)], 9, 90),
        ([probe("healthy"), run("healthy", 80), run("unreachable", 81)], 10, 90),
        ([probe("throttled", rest=20 * MINUTE)], 8, 20),
        ([probe("throttled", rest=20 * MINUTE)], 9, 90),
        ([probe("throttled", rest=240 * MINUTE)], 9, 240),
    ],
)
def test_when_the_next_probe_goes_that_the_vendor_counts(samples: list[Sample], counted: int, minutes: int) -> None:
    known = after(*samples, watch=COUNTED)
    assert next_probe(known, COUNTED, counted, samples[-1].at) == NOON + MINUTE * minutes


@pytest.mark.parametrize("finding", ["unreachable", "throttled"])
def test_a_month_of_bad_runs_leaves_probes_to_the_end_of_it(finding: str) -> None:
    """A run fails every ten minutes, or is throttled for a few seconds."""
    at = start = datetime(2026, 7, 1, tzinfo=UTC)
    known = replace(NEW, next_probe_at=start)
    probed: list[datetime] = []
    while at < start + timedelta(days=31):
        due = next_probe(known, COUNTED, len(probed), at)
        assert due is not None
        if due <= at:
            probed.append(at)
            known = health_after(replace(known, probed_at=at), replace(probe("healthy"), at=at), COUNTED)
        bad = run("throttled", rest=timedelta(seconds=5)) if finding == "throttled" else run(finding)
        known = health_after(known, replace(bad, at=at), COUNTED)
        at += 10 * MINUTE
    assert len(probed) <= 500
    assert probed[-1] > start + timedelta(days=30, hours=20)


@pytest.mark.parametrize(
    ("named", "believed"),
    [
        (timedelta(seconds=1), True),
        (timedelta(days=31), True),
        (FURTHEST_RESET, True),
        (FURTHEST_RESET + timedelta(seconds=1), False),
        (timedelta(), False),
        (timedelta(days=-1), False),
    ],
)
def test_a_reset_that_makes_no_sense_is_as_if_not_named(named: timedelta, believed: bool) -> None:
    known = after(probe("throttled", resets_at=NOON + named))
    assert known.passive_until == NOON + (named if believed else HOUR)


def test_trials_that_are_refused_are_twice_as_far_apart_up_to_a_day() -> None:
    known, at, waits = NEW, NOON, []
    for _ in range(8):
        known = after(replace(probe("throttled"), at=at), health=known)
        assert known.passive_until is not None
        waits.append(round((known.passive_until - at) / HOUR))
        at = known.passive_until
    assert waits == [1, 2, 4, 8, 16, 24, 24, 24]
    known = after(replace(probe("healthy"), at=at), replace(probe("throttled"), at=at + HOUR), health=known)
    assert known.passive_until == at + 2 * HOUR


def test_many_runs_that_are_refused_at_once_count_as_one() -> None:
    known = after(*(run("throttled", minutes) for minutes in range(30)))
    assert (known.throttles, known.passive_until) == (1, NOON + HOUR)


def test_the_latest_reset_that_was_named_holds() -> None:
    later, earlier = NOON + 9 * HOUR, NOON + 2 * HOUR
    known = after(probe("throttled", resets_at=later), run("throttled", 1, resets_at=earlier), run("throttled", 2))
    assert known.passive_until == later
    known = after(run("throttled", 3, resets_at=later + HOUR), health=known)
    assert known.passive_until == later + HOUR


# requirement R18.3
def test_backoff() -> None:
    waits = [backoff(WATCH.endpoint, failures, QUARTER) for failures in range(1, 9)]
    doubled = [QUARTER * factor for factor in (1, 2, 4, 8, 16)] + [LONGEST_BACKOFF] * 3
    assert all(base <= wait <= base * 1.1 for wait, base in zip(waits, doubled, strict=True))
    assert backoff(WATCH.endpoint, 10_000, QUARTER) <= LONGEST_BACKOFF * 1.1
    assert backoff(WATCH.endpoint, 9, timedelta(days=2)) >= timedelta(days=2)
    assert waits == [backoff(WATCH.endpoint, failures, QUARTER) for failures in range(1, 9)]
    assert backoff("https://another.example/", 3, QUARTER) != waits[2]


# requirement R18.3
def test_a_success_of_either_kind_ends_the_backoff() -> None:
    failing = after(probe("unreachable"), probe("unreachable", 15), probe("unauthorized", 50))
    assert failing.failures == 3
    for sample in (run("healthy", 51), probe("healthy", 120)):
        known = after(sample, health=failing)
        assert (known.failures, known.failed_runs, known.next_probe_at) == (0, 0, sample.at + QUARTER)


def test_failed_runs_do_not_count_for_the_backoff() -> None:
    known = after(probe("unreachable"), *(run("unreachable", minutes) for minutes in range(1, 12)))
    assert (known.failures, known.failed_runs) == (1, 11)
    assert known.next_probe_at == after(probe("unreachable")).next_probe_at


def test_what_was_heard_late_changes_no_verdict() -> None:
    known = after(probe("healthy", 10))
    assert after(run("unreachable", 9), health=known) == known
    late = health_after(known, run("throttled", 9, resets_at=NOON + HOUR), WATCH)
    assert (late.verdict, late.passive_until) == (Verdict.HEALTHY, NOON + HOUR)


@pytest.mark.parametrize(
    ("outcome", "finding"),
    [
        (Outcome(OutcomeKind.SUCCEEDED, 200), "healthy"),
        (Outcome(OutcomeKind.SUCCEEDED), "healthy"),
        (Outcome(OutcomeKind.ACCEPTED, 202), "healthy"),
        # An organization's own mistake.
        (Outcome(OutcomeKind.FINAL, 401, "HTTP 401"), "healthy"),
        (Outcome(OutcomeKind.FINAL, 422, "HTTP 422"), "healthy"),
        (Outcome(OutcomeKind.FINAL, error="no such ledger"), "healthy"),
        (Outcome(OutcomeKind.RETRYABLE, 409, "HTTP 409"), "healthy"),
        # The target says that what is behind it failed.
        (Outcome(OutcomeKind.RETRYABLE, 502, "HTTP 502"), "unreachable"),
        (Outcome(OutcomeKind.RETRYABLE, 504, "HTTP 504"), "unreachable"),
        # The target itself failed.
        (Outcome(OutcomeKind.RETRYABLE, 500, "HTTP 500"), "degraded"),
        (Outcome(OutcomeKind.RETRYABLE, 503, "HTTP 503"), "degraded"),
        (Outcome(OutcomeKind.RETRYABLE, error="no answer within 160 s"), "degraded"),
        (Outcome(OutcomeKind.RETRYABLE, 429, "HTTP 429"), "throttled"),
        (Outcome(OutcomeKind.RETRYABLE, 200, "BURST", is_throttled=True), "throttled"),
        (Outcome(OutcomeKind.FINAL, error="enough", is_throttled=True), "throttled"),
    ],
)
def test_what_a_run_shows(outcome: Outcome, finding: str) -> None:
    sample = sample_of_run(outcome, MINUTE, NOON)
    assert (sample.source, sample.finding, sample.latency) == (Contact.RUN, finding, MINUTE)
    assert (outcome.error or "") in sample.reason


@pytest.mark.parametrize("probes", [True, False])
def test_a_target_that_fails_makes_no_vendor_unreachable(probes: bool) -> None:
    """However many organizations' runs it refuses; a probe is sent early, and decides."""
    watch = replace(WATCH, probes=probes)
    known = Health(watch.endpoint, watch.integration_types, Verdict.HEALTHY, "", "run", NOON)
    for number in range(5):
        outcome = Outcome(OutcomeKind.RETRYABLE, 500, "HTTP 500")
        sample = sample_of_run(outcome, MINUTE, NOON + number * MINUTE, org_id=f"o{number}")
        known = health_after(known, sample, watch)
    assert (known.verdict, known.failed_runs) == (Verdict.DEGRADED, 5)
    assert known.known_by == ("run" if probes else "passive")
    assert (known.next_probe_at == NOON) == probes


def test_what_a_run_shows_can_be_kept_whatever_it_is() -> None:
    sample = sample_of_run(Outcome(OutcomeKind.RETRYABLE, 999, "\0\ud800\n" + "x" * 5000), MINUTE, NOON)
    assert sample.http_status == 599
    assert sample.reason.isprintable()
    assert len(sample.reason) < 400


def test_a_throttled_run_s_wait_is_the_reset() -> None:
    outcome = Outcome(OutcomeKind.RETRYABLE, 429, "HTTP 429", retry_after=HOUR, is_throttled=True)
    assert sample_of_run(outcome, MINUTE, NOON).resets_at == NOON + HOUR


def test_what_keeps_a_probe_from_going() -> None:
    known = replace(NEW, probed_at=NOON - MINUTE, passive_until=NOON + HOUR)
    ends = [one.until for one in probe_blocks(known, COUNTED, 500, NOON)]
    assert ends == [NOON + HOUR, NOON + 14 * MINUTE, datetime(2026, 7, 1, tzinfo=UTC)]
    assert probe_blocks(known, COUNTED, 499, NOON + HOUR) == []
    assert next_probe(known, COUNTED, 500, NOON) == datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-01-31T23:30:00+00:00", "2026-02-01"), ("2026-12-31T00:00:00+00:00", "2027-01-01"),
     ("2026-07-01T01:00:00+02:00", "2026-07-01"), ("2028-02-29T12:00:00+00:00", "2028-03-01")],
)  # fmt: skip
def test_months_are_those_of_utc(at: str, expected: str) -> None:
    assert next_month(datetime.fromisoformat(at)) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


SAMPLES = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=20_000),
        st.sampled_from(Contact),
        st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.UNKNOWN]),
        st.none() | st.integers(min_value=-1_000_000, max_value=10_000_000),
    ),
    max_size=40,
)


@given(SAMPLES, st.sampled_from([WATCH, COUNTED, PASSIVE]))
def test_whatever_happens_no_probe_goes_too_early(
    happened: list[tuple[int, Contact, Verdict, int | None]], watch: Watch
) -> None:
    """Samples some seconds apart; probes only when they are due. Each is 15 minutes after the last, outside a reset."""
    known, at = NEW, NOON
    named: list[tuple[datetime, datetime]] = []
    probed: list[datetime] = []
    for seconds, source, finding, resets_in in happened:
        at += timedelta(seconds=seconds)
        resets_at = None if resets_in is None else at + timedelta(seconds=resets_in)
        if source is Contact.PROBE:
            due = next_probe(known, watch, 0, at)
            if due is None or due > at:
                continue
            assert not probed or at - probed[-1] >= SHORTEST_INTERVAL
            assert not any(start <= at < end for start, end in named)
            probed.append(at)
            known = replace(known, probed_at=at)
        known = health_after(known, Sample(at, source, finding, "r", resets_at=resets_at), watch)
        if finding is Verdict.THROTTLED and resets_at and at < resets_at <= at + FURTHEST_RESET:
            named.append((at, resets_at))
        assert (known.verdict is Verdict.UNKNOWN) == (known.known_by is None)
        assert known.since <= at
        assert watch.probes or known.next_probe_at is None
    assert watch.probes or not probed
