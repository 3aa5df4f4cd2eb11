"""How long a target had been up when it answered: by its own clock, and right to the second."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from synkron.delivery.targets.uptime import BOOTED_AT, Uptime, uptime_in
from synkron.delivery.warm_up.warmth import warmth_by_header
from synkron.model import Warmth
from tests.delivery.targets.far_side import RUN, answering, delivered, raw_far_side, target_at, terms

AT = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
DATE = "Thu, 26 Nov 2026 12:00:10 GMT"


@pytest.mark.parametrize(
    ("booted_at", "date", "seconds"),
    [
        ("2026-11-26T12:00:00Z", DATE, 10),
        ("2026-11-26T12:00:00.250Z", DATE, 9.75),
        (" 2026-11-26T13:00:00+01:00 ", DATE, 10),
        ("2026-11-26T12:00:00", DATE, 10),
        # Booted in the very second in which it answered: the Date is rounded down.
        ("2026-11-26T12:00:10.400Z", DATE, 0),
        ("2026-11-26T12:05:00Z", DATE, 0),
        ("2026-11-26T12:00:00Z", None, 30),
        ("2026-11-26T12:00:00Z", "yesterday", 30),
        ("2026-11-26T12:00:00Z", "Thu, 99 Nov 2026 12:00:10 GMT", 30),
        ("2026-11-26T12:00:45Z", None, 0),
        (None, DATE, None),
        ("", DATE, None),
        ("a while ago", DATE, None),
        ("1764158400", DATE, None),
        ("2026-13-26T12:00:00Z", DATE, None),
        ("2026-11-26T12:00:00Z; isolate=7", DATE, None),
    ],
)
def test_it_is_measured_against_the_answer_s_own_date(
    booted_at: str | None, date: str | None, seconds: float | None
) -> None:
    headers = {name: text for name, text in ((BOOTED_AT, booted_at), ("Date", date)) if text is not None}
    assert uptime_in(headers, AT) == (None if seconds is None else timedelta(seconds=seconds))


moments = st.integers(0, 10**13).map(lambda number: AT + timedelta(microseconds=number))
lengths = st.integers(0, 5_000_000).map(lambda number: timedelta(microseconds=number))


@given(moments, lengths, lengths, st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_cold_start_is_never_taken_for_a_warm_one_however_the_clocks_differ(
    sent_at: datetime, until_booted: timedelta, until_answered: timedelta, skew: timedelta
) -> None:
    took = until_booted + until_answered
    assert told(sent_at, until_booted, took, skew) is Warmth.COLD


@given(moments, st.integers(1_000_000, 10**10), lengths, st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_what_booted_a_second_before_the_request_is_warm(
    sent_at: datetime, microseconds: int, took: timedelta, skew: timedelta
) -> None:
    """What booted later than that, but still before, may be taken for cold, as a Date has whole seconds."""
    assert told(sent_at, -timedelta(microseconds=microseconds), took, skew) is Warmth.WARM


def told(sent_at: datetime, booted_after: timedelta, took: timedelta, skew: timedelta) -> Warmth | None:
    """What is made of an answer of a target whose clock is off by ``skew``."""
    answered_at = (sent_at + took + skew).replace(microsecond=0)
    booted_at = sent_at + booted_after + skew
    headers = {BOOTED_AT: booted_at.isoformat(), "Date": format_datetime(answered_at, usegmt=True)}
    return warmth_by_header(took, uptime_in(headers, sent_at + took))


def test_a_body_that_takes_its_time_makes_no_cold_start() -> None:
    """It booted 20 s before the call, answers after 1 s, and needs 60 s for its body."""
    now = 100.0
    uptime = Uptime(AT, lambda: now)
    now += 1
    uptime.note_call({BOOTED_AT: "2026-11-26T11:59:49Z", "Date": DATE})
    assert uptime.now() == timedelta(seconds=21)
    now += 60
    assert uptime.now() == timedelta(seconds=81)
    assert warmth_by_header(uptime.elapsed, uptime.now()) is Warmth.WARM


def test_without_a_date_the_database_s_clock_goes_on_during_the_call() -> None:
    now = 100.0
    uptime = Uptime(AT, lambda: now)
    now += 5
    uptime.note_call({BOOTED_AT: "2026-11-26T12:00:32Z"})
    assert uptime.now() == timedelta(seconds=3)
    assert warmth_by_header(uptime.elapsed, uptime.now()) is Warmth.COLD


async def test_it_reaches_the_outcome_whatever_the_status() -> None:
    for status in (200, 202, 204, 401, 500):
        there = answering(status, Synkron_Booted_At="2026-11-26T12:00:00Z", Date=DATE)
        async with delivered(there) as (target, _):
            assert (await target.call(RUN, terms())).uptime == timedelta(seconds=10)


async def test_without_the_header_and_with_nonsense_in_it_nothing_is_known() -> None:
    for there in (answering(200), answering(200, Synkron_Booted_At="long ago")):
        async with delivered(there) as (target, _):
            assert (await target.call(RUN, terms())).uptime is None


async def test_an_answer_without_a_date_is_measured_by_the_database_s_clock() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSynkron-Booted-At: 2026-11-26T12:00:00Z\r\nContent-Length: 0\r\n\r\n"
    async with raw_far_side(answer) as url, target_at(url) as target:
        assert (await target.call(RUN, terms(at=AT))).uptime == timedelta(seconds=30)


async def test_a_body_that_never_ends_leaves_it_known() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={BOOTED_AT: "2026-11-26T12:00:00Z", "Date": DATE})
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with delivered(stall) as (target, _):
        assert (await target.call(RUN, terms(timedelta(milliseconds=50)))).uptime == timedelta(seconds=10)
