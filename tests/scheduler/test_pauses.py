"""A pause, as people are told it."""

from __future__ import annotations

import pytest

from synkron.scheduler.pauses import NOT_GIVEN, Pause
from synkron.service.dashboard.words import LANGUAGES, words_of
from tests.support.fleet import utc


@pytest.mark.parametrize(
    ("author", "reason", "told"),
    [
        ("kari", "the vendor moves", "by kari: the vendor moves"),
        ("person:root@vm", "no: it moves", "by root@vm: no: it moves"),
        ("token:deploy", "no reason given", "by deploy"),
        ("person:root@vm", "ingen grunn oppgitt", "by root@vm"),
        ("person:", "", "by person:"),
    ],
)
def test_who_paused_and_why_is_told_as_far_as_it_is_given(author: str, reason: str, told: str) -> None:
    assert Pause(1, None, None, None, reason, author, utc("2026-05-21T12:00:00"), None).told == told


def test_what_the_dashboard_writes_for_an_empty_reason_is_no_reason() -> None:
    assert {words_of(language).say("act.no_reason") for language in LANGUAGES} == set(NOT_GIVEN)
