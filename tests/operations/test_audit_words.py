"""A change of the audit in words: whom it was about, names first, and what it changed."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import synkron
from synkron.operations.audit import AuditEntry
from synkron.operations.audit_words import FACTS, about, differing

FJORD, HOURLY = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000007"
NAMES = {FJORD: "Fjordlys", "acme (north)": "North"}
AT = datetime(2026, 11, 30, 8, 55, 58, 632609, tzinfo=UTC)
SOURCES = [one.read_text("utf-8") for one in Path(synkron.__file__).parent.rglob("*.py")]
SAME = "2026-11-30T08:55:58.632609Z"


def entry(subject: str, *scope: str | None, action: str = "pause", before: Any = None, after: Any = None) -> AuditEntry:
    org_id, integration_type, integration_id = (*scope, None, None, None)[:3]
    return AuditEntry(1, AT, "kari", action, subject, org_id, integration_type, integration_id, before, after)


@pytest.mark.parametrize(
    ("subject", "scope", "told"),
    [
        (f"integration {HOURLY} (xledger of Fjordlys)", (FJORD, "xledger", HOURLY), "Fjordlys xledger"),
        (
            f"integration {HOURLY} (xledger of Gone)",
            ("gone", "xledger", HOURLY),
            f"integration {HOURLY} (xledger of Gone)",
        ),
        (f"integration {HOURLY} (its row is gone)", (None, None, HOURLY), f"integration {HOURLY} (its row is gone)"),
        (f"organization {FJORD} (Fjordlys)", (FJORD,), "Fjordlys"),
        # An organization that is gone keeps the name that was recorded, and one that is renamed has its new one.
        ("organization gone (Gone (north))", ("gone",), "organization gone (Gone (north))"),
        (f"organization {FJORD} (Nordlys)", (FJORD,), "Fjordlys"),
        ("organization acme (north)", ("acme (north)",), "North"),
        ("organization gone", ("gone",), "organization gone"),
        (f"type xledger of organization {FJORD} (Fjordlys)", (FJORD, "xledger"), "Fjordlys xledger"),
        ("type xledger of organization gone", ("gone", "xledger"), "type xledger of organization gone"),
        ("type xledger", (None, "xledger"), "type xledger"),
        ("everything", (), "everything"),
        (f"organization {FJORD} (Fjordlys), endpoint https://x.no/(b", (FJORD,), "Fjordlys"),
        ("type xledger, endpoint https://x.no", (None, "xledger"), "type xledger, endpoint https://x.no"),
        ("run 7", (FJORD, "xledger", HOURLY), "run 7, Fjordlys xledger"),
        ("run 7", ("gone", "xledger", HOURLY), "run 7, gone xledger"),
        ("run 7", (), "run 7"),
        ("incident 5", (FJORD, "xledger", HOURLY), "incident 5, Fjordlys xledger"),
        # As it was recorded earlier.
        (f"incident 5 (run_failed {HOURLY})", (FJORD, "xledger", HOURLY), "incident 5, Fjordlys xledger"),
        ("incident 6 (tick_gap )", (), "incident 6"),
        ("incident 7 (vendor_down https://x.no)", (None, "xledger"), "incident 7, xledger"),
        ("person kari", (FJORD,), "person kari, Fjordlys"),
        ("token ci", (), "token ci"),
        ("the second clock", (), "the second clock"),
    ],
)
def test_whom_it_was_about_names_first(subject: str, scope: tuple[str | None, ...], told: str) -> None:
    assert str(about(entry(subject, *scope), NAMES)) == told


@pytest.mark.parametrize(
    ("action", "before", "after", "told"),
    [
        ("pause", None, None, []),
        ("pause", None, {"pause": 1, "until": None, "reason": "why"}, [("reason", None, "why"), ("pause", None, "1")]),
        # What only the state before has is of what ended: it was neither set nor removed.
        (
            "resume",
            {"pause": 1, "author": "person:ola", "reason": "why", "until": None},
            {"pause": 1, "ended_at": SAME},
            [("before", "reason", "why"), ("before", "pause", "1"), ("before", "author", "ola")],
        ),
        (
            "revoke token",
            {"permission": "read", "org_id": FJORD, "expires_at": None},
            {"revoked_at": SAME},
            [("before", "permission", "read"), ("before", "organization", "Fjordlys")],
        ),
        (
            "override",
            {"catch_up": "all", "timeout": "5m"},
            {"catch_up": "all", "timeout": "6m", "attempts": 2},
            [("timeout", "5m", "6m"), ("attempts", None, "2")],
        ),
        ("end override", {"catch_up": "all", "timeout": "5m"}, {"catch_up": "all"}, [("before", "timeout", "5m")]),
        ("end override", {"timeout": "5m"}, None, [("before", "timeout", "5m")]),
        (
            "permit person",
            {"permission": "read", "org_id": FJORD},
            {"permission": "admin", "org_id": None},
            [("permission", "read", "admin"), ("organization", "Fjordlys", None)],
        ),
        ("disable person", {"disabled": False}, {"disabled": True}, [("disabled", "no", "yes")]),
        # A moment is told to the minute.
        ("silence", None, {"until": "2026-11-30T10:55:57.660493Z"}, [("until", None, "2026-11-30 10:55 UTC")]),
        ("backfill", None, {"from": "2026-11-30T06:00:00Z"}, [("from", None, "2026-11-30 06:00 UTC")]),
        # The subject has said which run it is.
        (
            "retry",
            {"runs": [{"run": 7, "state": "failed", "failures": 1, "error": "HTTP 422"}]},
            {"runs": [{"run": 7, "state": "claimed"}], "reason": "wrong period"},
            [
                ("reason", None, "wrong period"),
                ("state", "failed", "claimed"),
                ("before", "failures", "1"),
                ("before", "error", "HTTP 422"),
            ],
        ),
        (
            "cancel",
            {"runs": [{"run": 7, "state": "running"}, {"run": 8, "state": "claimed"}]},
            {"runs": [{"run": 7, "state": "failed"}, {"run": 8, "state": "skipped"}]},
            [("runs", "run 7, state running; run 8, state claimed", "run 7, state failed; run 8, state skipped")],
        ),
        (
            "trigger",
            None,
            {"key": "29fb84be", "run": 30, "period_end": SAME},
            [("run", None, "30"), ("key", None, "29fb84be")],
        ),
        (
            "pg_cron install",
            {"modes": ["rescue"]},
            {"modes": ["rescue", "tick"]},
            [("modes", "rescue", "rescue, tick")],
        ),
        (
            "test channel",
            None,
            {"channels": [{"channel": "hook", "delivered": True, "error": None}, {"channel": "fax"}]},
            [("channels", None, "channel hook, delivered yes; channel fax")],
        ),
    ],
)
def test_what_it_changed(action: str, before: Any, after: Any, told: list[tuple[str, str | None, str | None]]) -> None:
    found = differing(entry("run 7", action=action, before=before, after=after), NAMES)
    assert [("before", one.name, one.before) if one.is_past else one[:3] for one in found] == told


@pytest.mark.parametrize("facts", [5, "text", [], [1], True, {"org_id": []}, {"org_id": {}, "runs": [1]}])
def test_what_somebody_has_written_into_the_table_is_no_fault(facts: Any) -> None:
    assert [*differing(entry("run 7", before=facts, after=facts), NAMES)] == []
    told = {one.name: one.after for one in differing(entry("run 7", before=facts, after={"a": 1}), NAMES)}
    assert told["a"] == "1"


def test_each_fact_that_is_recorded_is_listed() -> None:
    recording = [one for one in SOURCES if re.search("operations.audit import .*record", one)]
    displays = [one for text in recording for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Dict)]
    keys = {key.value for one in displays for key in one.keys if isinstance(key, ast.Constant)}
    assert len(recording) > 10
    # What somebody else wrote has a name of its own.
    assert {"organization" if key == "org_id" else key for key in keys} | {"recorded"} == set(FACTS)
