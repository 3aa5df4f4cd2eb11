"""Whatever an outcome says, the ledger takes it, and nothing that it said is lost."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.delivery.recordable import LONGEST_ERROR, NO_REASON, recordable
from synkron.model import Outcome, OutcomeKind, recorded_status
from synkron.text import one_line, printable

SUCCEEDED, ACCEPTED, RETRYABLE, FINAL = OutcomeKind
DAY = timedelta(hours=24)
KINDS = "must be succeeded, accepted, retryable or final"


class Mute:
    """Has no text of its own."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(SUCCEEDED),
        Outcome(SUCCEEDED, 200),
        Outcome(ACCEPTED, 202),
        Outcome(FINAL, error="the books are closed"),
        Outcome(RETRYABLE, 503, "HTTP 503 Service Unavailable", timedelta(minutes=2), is_throttled=True),
        Outcome(RETRYABLE, 100, "x" * LONGEST_ERROR, DAY, uptime=timedelta(days=400)),
        Outcome(SUCCEEDED, 200, "answer incomplete: its body broke off"),
    ],
)
def test_what_is_fit_stays_as_it_is(outcome: Outcome) -> None:
    assert recordable(outcome) == outcome


@pytest.mark.parametrize(
    ("said", "recorded"),
    [
        # A status that no standard has: 600 and above count as 5xx, below 100 as no answer.
        ((RETRYABLE, 999, "HTTP 999: slow down"), Outcome(RETRYABLE, 599, "HTTP 999: slow down")),
        ((RETRYABLE, 600, "no"), Outcome(RETRYABLE, 599, "its status was 600: no")),
        ((RETRYABLE, 99, "HTTP 99"), Outcome(RETRYABLE, None, "HTTP 99")),
        ((SUCCEEDED, 0), Outcome(SUCCEEDED, None, "its status was 0")),
        ((FINAL, -1, "no"), Outcome(FINAL, None, "its status was -1: no")),
        ((SUCCEEDED, 2**40), Outcome(SUCCEEDED, 599, f"its status was {2**40}")),
        ((SUCCEEDED, 10**5000), Outcome(SUCCEEDED, 599, "its status was a int")),
        ((SUCCEEDED, HTTPStatus.CREATED), Outcome(SUCCEEDED, 201)),
        ((SUCCEEDED, "200"), Outcome(SUCCEEDED, None, "its status was '200'")),
        ((SUCCEEDED, 200.5), Outcome(SUCCEEDED, None, "its status was 200.5")),
        ((SUCCEEDED, True), Outcome(SUCCEEDED, None, "its status was True")),
        # A failure without a word.
        ((FINAL,), Outcome(FINAL, None, NO_REASON)),
        ((RETRYABLE, 503, ""), Outcome(RETRYABLE, 503, NO_REASON)),
        ((FINAL, None, " \t\n"), Outcome(FINAL, None, NO_REASON)),
        ((FINAL, 0), Outcome(FINAL, None, "its status was 0")),
        # Text that is none, or drives a terminal.
        ((FINAL, None, "a\x00b\x1b[2J\u202ec\ud800\n"), Outcome(FINAL, None, r"a\x00b\x1b[2J\u202ec\ud800")),
        ((FINAL, None, "x" * 600), Outcome(FINAL, None, "x" * (LONGEST_ERROR - 1) + "…")),
        ((FINAL, None, ValueError("closed")), Outcome(FINAL, None, "closed")),
        ((FINAL, None, b"closed"), Outcome(FINAL, None, "b'closed'")),
        ((FINAL, None, Mute()), Outcome(FINAL, None, "a Mute")),
        ((SUCCEEDED, 200, ""), Outcome(SUCCEEDED, 200)),
        # Waits.
        ((RETRYABLE, 503, "no", timedelta.max), Outcome(RETRYABLE, 503, "no", DAY)),
        ((RETRYABLE, 503, "no", timedelta.min), Outcome(RETRYABLE, 503, "no", timedelta())),
        ((RETRYABLE, 503, "no", 60), Outcome(RETRYABLE, 503, "its retry_after is 60, but must be a timedelta: no")),
        ((SUCCEEDED, 200, None, "1h"), Outcome(SUCCEEDED, 200, "its retry_after is '1h', but must be a timedelta")),
        # The rest.
        ((RETRYABLE, 503, "no", None, "yes"), Outcome(RETRYABLE, 503, "no")),
        ((SUCCEEDED, 200, None, None, None), Outcome(SUCCEEDED, 200)),
        ((SUCCEEDED, 200, None, None, False, timedelta(-1)), Outcome(SUCCEEDED, 200, uptime=timedelta())),
        ((SUCCEEDED, 200, None, None, False, 7), Outcome(SUCCEEDED, 200)),
        # Kinds.
        (("final", 422, "no"), Outcome(FINAL, 422, "no")),
        (("done",), Outcome(RETRYABLE, None, f"the outcome's kind is 'done', but {KINDS}")),
        ((None, 200, "no"), Outcome(RETRYABLE, 200, f"the outcome's kind is None, but {KINDS}: no")),
        ((OutcomeKind,), Outcome(RETRYABLE, None, f"the outcome's kind is <enum 'OutcomeKind'>, but {KINDS}")),
        ((Mute(), 0), Outcome(RETRYABLE, None, f"the outcome's kind is a Mute, but {KINDS}; its status was 0")),
    ],
)
def test_what_the_ledger_would_refuse_is_made_fit_and_told(said: tuple[Any, ...], recorded: Outcome) -> None:
    assert recordable(Outcome(*said)) == recorded


anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.timedeltas(), st.just(Mute())
)


@given(st.tuples(anything | st.sampled_from(OutcomeKind), *[anything] * 5))
def test_no_outcome_is_beyond_the_ledger(said: tuple[Any, ...]) -> None:
    """Its columns: a known kind, a status of three figures, a reason for each failure, and text that can be stored."""
    outcome = recordable(Outcome(*said))
    assert type(outcome.kind) is OutcomeKind
    assert outcome.http_status is None or 100 <= outcome.http_status <= 599
    assert outcome.error or outcome.kind in (SUCCEEDED, ACCEPTED)
    assert outcome.error is None or 0 < len(outcome.error) <= LONGEST_ERROR
    assert outcome.error is None or outcome.error == printable(outcome.error)
    assert outcome.retry_after is None or timedelta() <= outcome.retry_after <= DAY
    assert outcome.uptime is None or outcome.uptime >= timedelta()
    assert outcome.is_throttled in (True, False)
    assert recordable(outcome) == outcome


def test_a_secret_is_taken_out_before_the_text_is_cut() -> None:
    secret = "s3cret-" * 20
    outcome = recordable(Outcome(secret, secret, secret, secret), lambda text: one_line(text.replace(secret, "***")))  # type: ignore[arg-type]  # that is what may come
    assert "s3cret" not in str(outcome)


@pytest.mark.parametrize(
    ("status", "kept"),
    [(99, None), (100, 100), (599, 599), (600, 599), (999, 599), (0, None), (None, None), ("7", None)],
)
def test_the_status_that_is_kept(status: object, kept: int | None) -> None:
    assert recorded_status(status) == kept
