"""A vendor's refusal in the body of an answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.settings.integrations import profile_of
from synkron.vendors.throttling import VendorError, errors_in, refusal_in

CODES = {"BURST", "CREDITS"}
ONE = datetime(2026, 11, 26, 13, 0, tzinfo=UTC)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["code", "errors", "BURST"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "code", "extensions", "resetAt"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ({"errors": [{"code": "BURST"}]}, VendorError("BURST", None)),
        ({"errors": [{"extensions": {"code": "BURST"}}]}, VendorError("BURST", None)),
        ({"data": {"id": 7}, "errors": [{"code": "OTHER"}, {"code": "CREDITS"}]}, VendorError("CREDITS", None)),
        ({"errors": [{"code": "OTHER", "extensions": {"code": "BURST"}}]}, VendorError("BURST", None)),
        (
            {"errors": [{"code": "CREDITS", "extensions": {"resetAt": "2026-11-26T13:00:00Z"}}]},
            VendorError("CREDITS", ONE),
        ),
        (
            {"errors": [{"code": "CREDITS", "extensions": {"resetAt": "2026-11-26T14:00:00.000+01:00"}}]},
            VendorError("CREDITS", ONE),
        ),
        (
            {"errors": [{"code": "CREDITS", "extensions": {"resetAt": "2026-11-26T13:00:00"}}]},
            VendorError("CREDITS", ONE),
        ),
        ({"errors": [{"code": "CREDITS", "resetAt": "2026-11-26T13:00:00Z"}]}, VendorError("CREDITS", ONE)),
        ({"errors": [{"code": "CREDITS", "extensions": {"resetAt": "soon"}}]}, VendorError("CREDITS", None)),
        (
            {"errors": [{"code": "CREDITS", "extensions": {"resetAt": "0001-01-01T00:00:00+14:00"}}]},
            VendorError("CREDITS", None),
        ),
        ({"errors": [{"code": "CREDITS", "extensions": {"resetAt": 1764162000}}]}, VendorError("CREDITS", None)),
        ({"errors": [{"code": "CREDITS", "extensions": "none"}]}, VendorError("CREDITS", None)),
        ({"errors": [{"code": "burst"}]}, None),
        ({"errors": [{"code": "BURST_2"}]}, None),
        ({"errors": [{"message": "BURST"}]}, None),
        ({"errors": [{"code": ["BURST"]}]}, None),
        ({"errors": []}, None),
        ({"errors": {"code": "BURST"}}, None),
        ({"errors": "BURST"}, None),
        ({"errors": ["BURST", None, [{"code": "BURST"}]]}, None),
        ({"data": {"errors": [{"code": "BURST"}]}}, None),
        ([{"errors": [{"code": "BURST"}]}], None),
        ("errors", None),
    ],
)
def test_a_code_counts_only_in_its_place(answer: Any, refusal: VendorError | None) -> None:
    assert refusal_in(json.dumps(answer).encode(), CODES) == refusal


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<p>no errors</p>",
        b'{"errors": [{"code": "BURST"}',
        b'{"errors": [{"code": "BURST"}]}}',
        b'\xff{"errors": [{"code": "BURST"}]}',
        b'"errors"' + b"[" * 100_000,
        b'{"errors": ' + b"[" * 100_000,
        b'{"errors": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_json_is_no_refusal(body: bytes) -> None:
    assert refusal_in(body, CODES) is None


def test_a_body_without_errors_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synkron.vendors.throttling.json_in", None)
    assert refusal_in(b'{"data": {"rows": [1, 2, 3]}}', CODES) is None


@given(values, st.binary())
def test_no_body_is_beyond_reading(answer: Any, noise: bytes) -> None:
    for body in (json.dumps(answer).encode(), noise, b'"errors"' + noise):
        refusal = refusal_in(body, CODES)
        assert refusal is None or refusal.code in CODES


def test_all_errors_are_told_up_to_a_hundred() -> None:
    errors = [{"code": "A", "extensions": {"code": "B"}}, {"message": "no code"}, "no object", *[{"code": "C"}] * 200]
    found = [one.code for one in errors_in(json.dumps({"errors": errors}).encode())]
    assert found == ["A", "B", "", "", *["C"] * 97]


def test_xledger_has_its_codes_from_the_start() -> None:
    assert {code.rpartition(".")[2] for code in profile_of("xledger").throttled_codes} == {
        "BURST_RATE_LIMIT_REACHED",
        "INSUFFICIENT_CREDITS",
    }
