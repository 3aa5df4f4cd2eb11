"""A pause, as people are told it."""

from __future__ import annotations

import pytest

from synkron.scheduler.pauses import Pause
from tests.support.fleet import utc


@pytest.mark.parametrize(
    ("author", "reason", "told"),
    [
        ("kari", "the vendor moves", "by kari: the vendor moves"),
        ("person:root@vm", "no: it moves", "by root@vm: no: it moves"),
        ("token:deploy", "no reason given", "by deploy"),
        ("person:", "", "by person:"),
    ],
)
def test_who_paused_and_why_is_told_as_far_as_it_is_given(author: str, reason: str, told: str) -> None:
    assert Pause(1, None, None, None, reason, author, utc("2026-05-21T12:00:00"), None).told == told
