"""A target that passes its vendor's refusal on: the run is tried again, whatever the status says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from synkron.model import Outcome, OutcomeKind
from tests.delivery.targets.far_side import RUN, answering, delivered, raw_far_side, target_at, terms

BURST = "BAD_REQUEST.BURST_RATE_LIMIT_REACHED"
CREDITS = "BAD_REQUEST.INSUFFICIENT_CREDITS"
DATE = "Thu, 26 Nov 2026 12:00:00 GMT"


def body(code: str, **extensions: str) -> str:
    return json.dumps({"data": None, "errors": [{"code": code, "extensions": extensions}]})


@pytest.mark.parametrize(
    ("status", "text", "headers", "wait"),
    [
        (200, body(BURST), {}, timedelta(seconds=5)),
        (200, body(CREDITS), {}, timedelta(minutes=20)),
        (202, body(BURST), {}, timedelta(seconds=5)),
        (400, body(BURST), {}, timedelta(seconds=5)),
        (500, body(BURST), {"Retry_After": "7"}, timedelta(seconds=7)),
        (429, body(CREDITS), {}, timedelta(minutes=20)),
        (200, body(CREDITS, resetAt="2026-11-26T12:03:00Z"), {"Date": DATE}, timedelta(minutes=3)),
        (503, body(CREDITS, resetAt="2026-11-26T12:03:00Z"), {"Date": DATE, "Retry_After": "7"}, timedelta(minutes=3)),
        (200, body(CREDITS, resetAt="2026-11-26T12:00:00Z"), {"Date": DATE}, timedelta(minutes=20)),
        (200, body(CREDITS, resetAt="2027-11-26T11:00:00Z"), {"Date": DATE}, timedelta(hours=24)),
        (200, body(CREDITS, resetAt="tomorrow"), {"Date": DATE}, timedelta(minutes=20)),
    ],
)
async def test_a_refusal_in_the_body_is_retryable(
    status: int, text: str, headers: dict[str, str], wait: timedelta
) -> None:
    async with delivered(answering(status, text, **headers)) as (target, _):
        outcome = await target.call(RUN, terms())
    code = CREDITS if CREDITS in text else BURST
    assert outcome == Outcome(
        OutcomeKind.RETRYABLE,
        status,
        f"throttled: {code} in the body of an HTTP {status}: {text}",
        wait,
        is_throttled=True,
    )


async def test_a_reset_is_measured_by_the_database_s_clock_where_the_answer_has_no_date() -> None:
    content = body(CREDITS, resetAt="2026-11-26T12:03:00Z").encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
    async with raw_far_side(answer) as url, target_at(url) as target:
        outcome = await target.call(RUN, terms(at=datetime(2026, 11, 26, 12, 2, 30, tzinfo=UTC)))
    assert outcome.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exported",
        json.dumps({"data": {"rows": 7}}),
        json.dumps({"errors": []}),
        json.dumps({"errors": [{"code": "BAD_REQUEST.NO_SUCH_FIELD"}]}),
        body(BURST)[:-1],
        " " * 70_000 + body(BURST),
    ],
)
async def test_a_success_without_one_stays_a_success(text: str) -> None:
    async with delivered(answering(200, text)) as (target, _):
        assert await target.call(RUN, terms()) == Outcome(OutcomeKind.SUCCEEDED, 200)


async def test_codes_are_the_vendor_s_and_those_of_the_settings() -> None:
    health: dict[str, Any] = {"throttled_codes": {"SLOW_DOWN": "90s", BURST: "1m"}}
    for code, wait in (("SLOW_DOWN", 90), (BURST, 60), (CREDITS, 1200)):
        async with delivered(answering(200, body(code)), health=health) as (target, _):
            assert (await target.call(RUN, terms())).retry_after == timedelta(seconds=wait)


async def test_a_compressed_body_is_not_looked_into() -> None:
    async with delivered(answering(200, body(BURST), Content_Encoding="gzip")) as (target, _):
        assert await target.call(RUN, terms()) == Outcome(OutcomeKind.SUCCEEDED, 200)
