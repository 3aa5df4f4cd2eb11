"""What an HTTP answer means: done, worth another try, or not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.delivery.targets.answer import outcome_of
from synkron.model import Outcome, OutcomeKind

DAY = timedelta(hours=24)
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ([200, 201, 204, 299], OutcomeKind.SUCCEEDED),
        ([202], OutcomeKind.ACCEPTED),
        ([408, 409, 425, 429], OutcomeKind.RETRYABLE),
        ([500, 502, 503, 504, 529, 599], OutcomeKind.RETRYABLE),
        ([400, 401, 403, 404, 405, 410, 413, 422, 426, 428, 430, 451, 499], OutcomeKind.FINAL),
        ([300, 301, 302, 303, 304, 307, 308, 399], OutcomeKind.FINAL),
        ([99, 101, 600, 999], OutcomeKind.RETRYABLE),
    ],
)
def test_a_status_says_whether_another_try_is_worth_it(statuses: list[int], kind: OutcomeKind) -> None:
    assert {outcome_of(status, {}).kind for status in statuses} == {kind}
    assert [outcome_of(status, {}).http_status for status in statuses] == statuses


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, "HTTP 404 Not Found"),
        (503, "HTTP 503 Service Unavailable"),
        (529, "HTTP 529"),
    ],
)
def test_an_error_names_the_status(status: int, error: str) -> None:
    assert outcome_of(status, {}).error == error


def test_a_redirect_says_why_it_was_not_followed_and_what_to_do() -> None:
    assert outcome_of(301, {}).error == (
        "HTTP 301 Moved Permanently: redirects are not followed, because they could send secrets to another host; "
        "set the target to the address that it redirects to"
    )


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("0", timedelta(0)),
        ("1", timedelta(seconds=1)),
        (" 120 ", timedelta(minutes=2)),
        ("00060", timedelta(minutes=1)),
        ("-5", timedelta(0)),
        ("86400", DAY),
        ("86401", DAY),
        ("9" * 5000, DAY),
        ("Wed, 21 Oct 2026 07:30:00 GMT", timedelta(minutes=2)),
        ("Wednesday, 21-Oct-26 07:30:00 GMT", timedelta(minutes=2)),
        ("Wed Oct 21 07:30:00 2026", timedelta(minutes=2)),
        ("Wed, 21 Oct 2026 09:30:00 +0200", timedelta(minutes=2)),
        ("Wed, 21 Oct 2026 07:00:00 GMT", timedelta(0)),
        ("Thu, 21 Oct 2027 07:28:00 GMT", DAY),
        ("", None),
        ("soon", None),
        ("1.5", None),
        ("1e3", None),
        ("+5", None),
        ("١٢", None),
        ("Wed, 99 Oct 2026 07:30:00 GMT", None),
    ],
)
def test_retry_after(retry_after: str, wait: timedelta | None) -> None:
    assert outcome_of(503, {"Retry-After": retry_after, "Date": DATE}).retry_after == wait


@pytest.mark.parametrize("date", [{}, {"Date": "yesterday"}])
def test_a_retry_after_date_means_nothing_without_the_date_of_the_answer(date: dict[str, str]) -> None:
    assert outcome_of(503, {"Retry-After": DATE} | date).retry_after is None


@pytest.mark.parametrize("status", [200, 302, 404])
def test_retry_after_counts_only_where_there_is_a_retry(status: int) -> None:
    assert outcome_of(status, {"Retry-After": "10"}).retry_after is None


def test_a_missing_retry_after_leaves_the_wait_to_the_policy() -> None:
    assert outcome_of(429, {}).retry_after is None


def test_only_a_429_says_by_its_status_that_it_was_too_much() -> None:
    assert outcome_of(429, {}) == Outcome(OutcomeKind.RETRYABLE, 429, "HTTP 429 Too Many Requests", is_throttled=True)
    assert [status for status in range(1000) if outcome_of(status, {"Retry-After": "5"}).is_throttled] == [429]


@given(st.integers(0, 1999), st.text(), st.text() | st.just(DATE))
def test_no_answer_is_beyond_judgement(status: int, retry_after: str, date: str) -> None:
    outcome = outcome_of(status, {"Retry-After": retry_after, "Date": date})
    assert outcome.retry_after is None or timedelta(0) <= outcome.retry_after <= DAY
    assert (outcome.error is None) == (outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.ACCEPTED))
