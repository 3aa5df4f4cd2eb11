"""Moments and lengths of time as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from synkron.service.dashboard import times
from synkron.service.dashboard.words import words_of
from tests.support.fleet import utc

NOW = utc("2026-11-29T14:00:00")
OSLO = ZoneInfo("Europe/Oslo")
EN, NB = words_of("en"), words_of("nb")


@pytest.mark.parametrize(
    ("ahead", "english", "norwegian"),
    [
        (timedelta(0), "now", "nå"),
        (timedelta(seconds=12), "in 12 s", "om 12 s"),
        (timedelta(seconds=-59), "59 s ago", "for 59 s siden"),
        (timedelta(seconds=60), "in 1 min", "om 1 min"),
        (timedelta(seconds=119), "in 1 min", "om 1 min"),
        (timedelta(minutes=-119), "119 min ago", "for 119 min siden"),
        (timedelta(hours=47), "in 47 h", "om 47 t"),
        (timedelta(days=-400), "400 d ago", "for 400 d siden"),
    ],
)
def test_how_far_it_is(ahead: timedelta, english: str, norwegian: str) -> None:
    assert times.relative(EN, NOW + ahead, NOW).replace("\u00a0", " ") == english
    assert times.relative(NB, NOW + ahead, NOW).replace("\u00a0", " ") == norwegian


@pytest.mark.parametrize(
    ("length", "english", "norwegian"),
    [
        (None, "–", "–"),
        (timedelta(milliseconds=340), "340 ms", "340 ms"),
        (timedelta(milliseconds=-5), "−5 ms", "−5 ms"),
        (timedelta(microseconds=999_700), "1.0 s", "1,0 s"),
        (timedelta(seconds=2.44), "2.4 s", "2,4 s"),
        (timedelta(seconds=59.97), "1 min", "1 min"),
        (timedelta(minutes=3, seconds=12), "3 min 12 s", "3 min 12 s"),
        (timedelta(hours=1, minutes=5, seconds=3), "1 h 5 min", "1 t 5 min"),
    ],
)
def test_how_long_it_took(length: timedelta | None, english: str, norwegian: str) -> None:
    assert times.span(EN, length).replace("\u00a0", " ") == english
    assert times.span(NB, length).replace("\u00a0", " ") == norwegian


@pytest.mark.parametrize(
    ("at", "english", "norwegian"),
    [
        (utc("2026-11-29T14:05:00"), "15:05", "15:05"),
        (utc("2026-11-29T23:30:00"), "Mon 30 Nov 00:30", "man. 30. nov. 00:30"),
        (utc("2027-05-17T10:00:00"), "Mon 17 May 2027 12:00", "man. 17. mai 2027 12:00"),
    ],
)
def test_the_clock_of_a_zone(at: datetime, english: str, norwegian: str) -> None:
    assert times.clock(EN, at, NOW, OSLO) == english
    assert times.clock(NB, at, NOW, OSLO) == norwegian
    assert times.whole(EN, NOW, OSLO) == "Sun 29 Nov 2026 15:00:00 Oslo"
