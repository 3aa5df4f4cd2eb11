"""What people and programs read of an incident."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.incidents.channels.webhook import body
from synkron.incidents.condition import Condition
from synkron.incidents.lifecycle import Incident, Occasion
from synkron.incidents.message import Tone, message_of, touched, trial
from tests.support.hostile import dangerous_in, hostile_texts
from tests.support.incident_cast import HOUR, MINUTE, NOON, condition

OPEN = Incident(condition(), opened_at=NOON, seen_at=NOON + HOUR, id=17)
CLOSED = replace(OPEN, closed_at=NOON + HOUR + 5 * MINUTE)


def test_an_opening_says_what_since_when_whom_and_what_to_do() -> None:
    message = message_of(4, Occasion.OPENED, [OPEN], NOON, NOON + MINUTE)
    assert (message.id, message.type, message.tone) == ("announcement-4", "incident.opened", Tone.ALARM)
    assert (message.made_at, message.at) == (NOON, NOON + MINUTE)
    assert message.title == "[synkron] opened: xledger of Fjord is not as it should be"
    assert message.body.splitlines() == [
        "Something about xledger of Fjord is wrong.",
        "",
        "Since: 2026-03-02 11:59 UTC",
        "Affected: 1 organization (fjord); runs: 2",
        "What to do: See what the target answered, then `synkron runs retry 4711`.",
        "To stop the reminders: synkron incidents acknowledge 17",
    ]


def test_a_reminder_says_when_it_was_seen_last() -> None:
    message = message_of(5, Occasion.REMINDED, [OPEN], NOON, NOON)
    assert message.title.startswith("[synkron] still open: ")
    assert "Last seen: 2026-03-02 13:00 UTC" in message.body


def test_a_closing_says_that_it_is_over_and_asks_for_nothing() -> None:
    message = message_of(6, Occasion.CLOSED, [CLOSED], NOON, NOON)
    assert (message.type, message.tone) == ("incident.closed", Tone.ALL_CLEAR)
    assert message.title.startswith("[synkron] closed: ")
    assert "Last seen: 2026-03-02 13:00 UTC; closed: 2026-03-02 13:05 UTC" in message.body
    assert "What to do" not in message.body
    assert "acknowledge" not in message.body


def test_programs_get_the_fields() -> None:
    facts = message_of(6, Occasion.CLOSED, [CLOSED], NOON, NOON).facts
    assert json.loads(json.dumps(facts)) == {
        "incident_id": 17,
        "state": "closed",
        "kind": "run_failed",
        "subject": "xledger of Fjord",
        "title": "xledger of Fjord is not as it should be",
        "detail": "Something about xledger of Fjord is wrong.",
        "remedy": "See what the target answered, then `synkron runs retry 4711`.",
        "org_id": "fjord",
        "integration_type": "xledger",
        "endpoint": None,
        "touches": {"org_ids": ["fjord"], "organizations_total": 1, "runs": 2},
        "since": "2026-03-02T11:59:00Z",
        "opened_at": "2026-03-02T12:00:00Z",
        "seen_at": "2026-03-02T13:00:00Z",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "closed_at": "2026-03-02T13:05:00Z",
    }


@pytest.mark.parametrize(
    ("touches", "org_id", "said"),
    [
        ({}, None, ""),
        ({}, "fjord", "1 organization (fjord)"),
        ({"organizations": ["a", "b"]}, None, "2 organizations (a, b)"),
        ({"organizations": ["a"], "organizations_total": 1200}, None, "1,200 organizations (a and 1,199 more)"),
        ({"organizations_total": 3, "late_runs": 1000}, None, "3 organizations; late runs: 1,000"),
        ({"newest_run": 4711, "stage": "worker", "by_type": {"xledger": 3}}, None, "newest run: 4711"),
        ({"organizations": [f"o{n}" for n in range(12)]}, None,
         "12 organizations (o0, o1, o2, o3, o4, o5, o6, o7, o8, o9 and 2 more)"),
    ],
)  # fmt: skip
def test_whom_it_touches(touches: dict[str, object], org_id: str | None, said: str) -> None:
    assert touched(condition(touches=touches, org_id=org_id)) == said


@given(hostile_texts(), st.sampled_from(Occasion))
def test_a_webhook_has_the_true_text_in_json_that_drives_nothing(text: str, occasion: Occasion) -> None:
    said: Condition = condition(title=text, detail=text, remedy=text, org_id=text, touches={"organizations": [text]})
    sent = body(message_of(1, occasion, [replace(CLOSED, condition=said)], NOON, NOON)).decode()
    assert dangerous_in(sent) == []
    data = json.loads(sent)["data"]
    assert (data["title"], data["detail"], data["touches"]) == (text, text, {"org_ids": [text]})


def test_a_trial_says_that_nothing_is_wrong() -> None:
    message = trial("1", NOON)
    assert (message.id, message.type, message.tone) == ("trial-1", "announce.test", Tone.TRIAL)
    assert "Nothing is wrong" in message.body


@given(st.text(max_size=3000) | hostile_texts(), st.sampled_from(Occasion))
def test_whatever_it_says_a_title_is_one_line_and_a_message_is_short(text: str, occasion: Occasion) -> None:
    said: Condition = condition(title=text, detail=text, remedy=text, org_id=text, touches={})
    message = message_of(1, occasion, [replace(CLOSED, condition=said)], NOON, NOON)
    assert len(message.title) <= 200
    assert len(message.title.splitlines()) == 1
    assert len(message.body) < 2000
    assert dangerous_in(message.title + message.body, but="\n") == []
