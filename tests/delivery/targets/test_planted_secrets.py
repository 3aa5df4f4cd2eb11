"""Secrets planted wherever the settings allow them appear in no outcome, no repr, no log line and no fault."""

from __future__ import annotations

import json
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from synkron.delivery.targets import open_targets
from synkron.errors import SettingsError
from synkron.model import Outcome
from synkron.settings.load import Settings
from synkron.settings.redaction import REDACTED, Redaction
from tests.delivery.targets.far_side import PATIENCE, RUN, Answer, answering, far_side, raw_far_side, terms
from tests.support.hostile import dangerous_in, hostile_texts

SIGNING = "whsec_UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZFBsYW50"
BEARER = 'pl4nted"bearer\\token'
COOKIE = "pl4nted-session"
LITERAL = "pl4nted-literal"
QUERY = "pl4nted/code+in query"
ENVIRONMENT = {"SIGNING": SIGNING, "BEARER": f"Bearer {BEARER}"}

PLANTED = [
    SIGNING.removeprefix("whsec_"),
    BEARER,
    json.dumps(BEARER)[1:-1],
    COOKIE,
    LITERAL,
    QUERY,
    quote(QUERY, safe=""),
]

MODULE = f"""
def leak(run):
    raise ValueError({[SIGNING, BEARER, COOKIE, LITERAL, QUERY]!r})
"""


@pytest.fixture
def types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "leaking_bookkeeping.py").write_text(MODULE)
    (tmp_path / "cookie").write_text(COOKIE)
    monkeypatch.syspath_prepend(tmp_path)
    headers = {"Authorization": "env:BEARER", "X-Session": f"file:{tmp_path / 'cookie'}", "X-Key": LITERAL}
    return {
        "xledger": {"secret": "env:SIGNING", "headers": headers, "timeout": PATIENCE},
        "bufdir": {"target": "leaking_bookkeeping:leak"},
    }


async def echo(request: web.Request) -> web.Response:
    """A far side that shows all the secrets it was sent, as text or as JSON."""
    headers = {name: request.headers[name] for name in ("Authorization", "X-Session", "X-Key")}
    shown = headers | {"code": request.query["code"], "query": request.query_string, "signed with": SIGNING}
    text = "; ".join(f"{name}: {value}" for name, value in shown.items())
    return web.Response(status=500, text=text if request.path == "/text" else json.dumps(shown))


def assert_clean(*texts: object) -> None:
    for text in texts:
        for planted in PLANTED:
            assert planted not in str(text)
            assert planted not in repr(text)


@pytest.mark.parametrize("path", ["/text", "/json"])
async def test_a_far_side_that_echoes_everything(
    path: str, types: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with far_side(echo) as there:
        types["xledger"]["target"] = f"{there.url}{path}?code={quote(QUERY, safe='')}"
        async with open_targets(Settings(types=types), ENVIRONMENT) as targets:
            outcomes = [await targets["xledger"].call(RUN, terms()), await targets["bufdir"].call(RUN, terms())]
            assert_clean(
                *outcomes,
                *(outcome.error for outcome in outcomes),
                targets,
                *targets.values(),
                vars(targets["xledger"]),
                vars(targets["bufdir"]),
            )
    received = there.requests[0]
    assert received.headers["Authorization"] == f"Bearer {BEARER}"
    assert received.headers["X-Session"] == COOKIE
    for outcome in outcomes:
        assert outcome.error is not None
        assert outcome.error.count(REDACTED) >= 5
    assert_clean(caplog.text)


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", f"HTTP/1.1 200 OK\r\n{BEARER} {COOKIE} {LITERAL}\r\n\r\n".encode()]
)
async def test_an_answer_that_is_none(answer: bytes, types: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(raw_far_side(answer))
        types["xledger"]["target"] = f"{url}/sync?code={quote(QUERY, safe='')}"
        targets = await stack.enter_async_context(open_targets(Settings(types=types), ENVIRONMENT))
        outcome = await targets["xledger"].call(RUN, terms())
    assert outcome.error is not None
    assert_clean(outcome, caplog.text)


async def test_faults(types: dict[str, Any]) -> None:
    types["xledger"] |= {
        "target": f"http://user:{BEARER.replace(chr(34), '')}@example.com/?code={QUERY.replace(' ', '')}",
        "headers": {"A": "env:BROKEN", "B": LITERAL + "\n"},
        "secret": "env:BROKEN",
    }
    with pytest.raises(SettingsError) as caught:
        async with open_targets(Settings(types=types), {"BROKEN": f"{BEARER}\n{COOKIE}"}):
            pass
    assert len(caught.value.faults) == 4
    assert_clean(caught.value, *caught.value.faults)


async def test_a_secret_at_the_edge_of_the_excerpt_is_not_shown_in_part(types: dict[str, Any]) -> None:
    for padding in range(280, 301):
        answer: Answer = answering(500, "." * padding + BEARER)
        async with far_side(answer) as there:
            types["xledger"]["target"] = there.url
            async with open_targets(Settings(types=types), ENVIRONMENT) as targets:
                outcome: Outcome = await targets["xledger"].call(RUN, terms())
        assert outcome.error is not None
        assert "pl4" not in outcome.error


# Longer than "[redacted]" has parts in common with anything.
secrets = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=11, max_size=80)


@given(secrets, st.text(), st.text())
def test_no_text_around_a_secret_brings_it_out(secret: str, before: str, after: str) -> None:
    redaction = Redaction([SecretStr(secret)])
    for echoed in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")):
        assert echoed not in redaction.excerpt(f"{before} {echoed} {after}")


def test_a_secret_that_begins_with_another_is_taken_out_whole() -> None:
    assert Redaction([SecretStr("key-1"), SecretStr("key-1234")]).excerpt("the key-1234!") == "the [redacted]!"


@given(hostile_texts(200))
def test_an_excerpt_is_short_and_printable(text: str) -> None:
    excerpt = Redaction([]).excerpt(text * 3)
    assert len(excerpt) <= 300
    assert dangerous_in(excerpt) == []
