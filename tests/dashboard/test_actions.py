"""What is changed from a page without a browser: by the rules of the API, with names first, and in the audit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from synkron.delivery.targets.request import MASK, body, masked_headers, read_endpoint
from synkron.operations.access.actor import Permission
from synkron.service.dashboard.subjects import names_first
from synkron.settings.load import Settings
from synkron.text import called
from tests.conftest import Connection
from tests.delivery.test_shortage import run as run_of
from tests.service.api.cast import Member
from tests.support.api import Api, serving, token_of
from tests.support.databases import Database

PAGE = {"Accept": "text/html"}
SETTINGS = Settings(
    listen="127.0.0.1:0", announce={"channels": {"hook": {"webhook": "http://127.0.0.1:9/", "secret": "env:HOOK"}}}
)
ENVIRONMENT = {"HOOK": "whsec_" + "A" * 43 + "="}


@pytest.fixture
async def operator(database: Database, connection: Connection) -> AsyncIterator[Api]:
    async with serving(database, SETTINGS, environment=ENVIRONMENT) as there:
        yield there.with_token(await token_of(connection, Permission.OPERATE))


async def act(api: Api, name: str, **fields: str) -> tuple[int, bool]:
    """The status, and whether the next page tells of something that was refused."""
    told = {"back": "/incidents", **fields}
    answer = await api.ask("POST", f"/act/{name}", data=told, headers=PAGE, allow_redirects=False)
    shown = await api.get(
        "/incidents", headers=PAGE | {"Cookie": answer.headers.get("Set-Cookie", "").partition(";")[0]}
    )
    return answer.status, 'class="flash refusal"' in shown.text


async def test_a_channel_is_tried_from_its_page(operator: Api, connection: Connection, cast: list[Member]) -> None:
    assert "/act/try_channel?channel=hook" in (await operator.get("/incidents", headers=PAGE)).text
    asks = await operator.get("/act/try_channel?channel=hook", headers=PAGE)
    assert (asks.status, "webhook" in asks.text) == (200, True)
    assert (await operator.get("/act/try_channel?channel=fax", headers=PAGE)).status == 404
    tried = "select count(*) from synkron.audit where action = 'test channel' and subject = 'channel hook'"
    assert await connection.fetchval(tried) == 0
    # Nobody listens there, and the page says so.
    assert await act(operator, "try_channel", channel="hook") == (303, True)
    assert await connection.fetchval(tried) == 1
    reader = operator.with_token(await token_of(connection, Permission.READ))
    tied = operator.with_token(await token_of(connection, Permission.OPERATE, cast[0].org_id))
    assert "/act/try_channel" not in (await reader.get("/incidents", headers=PAGE)).text
    for other in (reader, tied):
        answer = await other.ask("POST", "/act/try_channel", data={"channel": "hook"}, headers=PAGE)
        assert answer.status == 403
    assert await connection.fetchval(tried) == 1


async def test_a_form_that_is_sent_again_changes_nothing_more(
    operator: Api, connection: Connection, cast: list[Member]
) -> None:
    """It has a key of its own, which is as good as an Idempotency-Key."""
    one = cast[0].integrations[0]
    before = await connection.fetchval("select count(*) from synkron.runs")
    keys = [await key_of(operator, f"/act/trigger?integration={one}") for _ in range(2)]
    for key, reason, is_refused, runs in (
        (keys[0], "x", False, 1),
        (keys[0], "x", False, 1),
        (keys[0], "y", True, 1),
        (keys[1], "x", False, 2),
        ("no\x00key", "x", True, 2),
        ("k" * 256, "x", True, 2),
    ):
        assert await act(operator, "trigger", integration=one, reason=reason, key=key) == (303, is_refused), key
        assert await connection.fetchval("select count(*) from synkron.runs") == before + runs, key
    # What was done though it was refused is noted, and done once, too.
    key = await key_of(operator, "/act/try_channel?channel=hook")
    for _ in range(2):
        assert await act(operator, "try_channel", channel="hook", key=key) == (303, True)
        assert await connection.fetchval("select count(*) from synkron.audit where action = 'test channel'") == 1


async def key_of(api: Api, path: str) -> str:
    """The key of a form that is opened."""
    [key] = re.findall('name="key" value="([^"]+)"', (await api.get(path, headers=PAGE)).text)
    return str(key)


@pytest.mark.parametrize(
    ("reason", "is_refused"),
    [("x" * 1000, False), ("x" * 1001, True), ("bell\x07", True), ("two\nlines", True), ("null\x00", True)],
)
async def test_a_reason_is_what_the_api_takes(
    operator: Api, connection: Connection, cast: list[Member], reason: str, is_refused: bool
) -> None:
    one = cast[0].integrations[0]
    by_api = await operator.post("/v1/pauses?dry_run=true", {"integration_ids": [one], "reason": reason})
    assert (by_api.status == 422) is is_refused
    before = await connection.fetchval("select count(*) from synkron.pauses")
    assert await act(operator, "pause", integration=one, reason=reason) == (303, is_refused)
    assert await connection.fetchval("select count(*) from synkron.pauses") == before + (not is_refused)


async def test_a_name_stands_before_its_id(operator: Api, cast: list[Member]) -> None:
    text = (await operator.get(f"/act/pause?integration={cast[0].integrations[0]}", headers=PAGE)).text
    subject = text.partition('class="subject">')[2].partition("</p>")[0]
    assert subject.startswith("Member-A-"), subject
    assert subject.endswith(f"xledger <small>{cast[0].integrations[0]}</small>"), subject


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (("7",), "&lt;b&gt; <small>7</small>"),
        (("8", "xledger"), "Ås (nord) xledger <small>8</small>"),
        (("8", "xledger", "3"), "Ås (nord) xledger <small>3</small>"),
        (("9", "xledger", "3\u202e"), "9 xledger <small>3\\u202e</small>"),
        (("10",), "10 <small>10</small>"),
    ],
)
def test_of_any_subject(subject: tuple[str, ...], shown: str) -> None:
    assert str(names_first({"7": "<b>", "8": "Ås (nord)", "9": " "}, *subject)) == shown


def test_a_blank_name_is_no_name() -> None:
    assert [called(one, "7") for one in ("Ås", "", " \u3000", None)] == ["Ås", "7", "7", "7"]


def test_what_is_shown_of_a_request_is_what_is_sent() -> None:
    one = Settings(
        types={"x": {"target": "https://example.com/", "secret": "env:S", "headers": {"X-Key": "env:K", "X-Room": "4"}}}
    )
    run = run_of(1, "x")
    environment = {"S": ENVIRONMENT["HOOK"], "K": "key of the vendor"}
    sent = read_endpoint("x", one.types["x"], one.supabase, environment).headers_for(
        run, body(run), datetime(2026, 1, 1, tzinfo=UTC)
    )
    shown = masked_headers(run, one.types["x"])
    assert shown.keys() == sent.keys()
    assert {name for name in shown if shown[name] != sent[name]} == {
        *("X-Key", "X-Room", "webhook-id", "webhook-timestamp", "webhook-signature")
    }
    assert {shown[name] for name in shown if shown[name] != sent[name]} == {MASK}
