"""What a Data API may answer but rows: each is an error in a sentence, and nothing of a partial read is used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import structlog
from aiohttp import web

from synkron import read_due_integrations
from synkron.errors import DataApiError, DatabaseNotReady, ServiceRoleRequired, SourceTableMissing, SynkronError
from synkron.postgres.embedded import EmbeddedServer
from synkron.source.data_api import client, read
from tests.source.sources import OVER_HTTP, Opened, shows_at_most_six
from tests.support.databases import Database, migrated
from tests.support.postgrest import SECRET_KEY, StandIn, Tamper, postgrest

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
BOTH = pytest.mark.parametrize("kind", OVER_HTTP)
ROWS = 25
ROWS_OF_FJORD = f"""
    insert into organizations (name) values ('Fjord');
    insert into organization_integrations (org_id, integration_type, cron_schedule)
        select id, 'xledger', '0 2 * * *' from organizations, generate_series(1, {ROWS});
"""


@pytest.fixture(scope="module")
async def serving(server: EmbeddedServer) -> AsyncIterator[StandIn]:
    """The stand-in over three pages of rows, the last of which is not full. It reads in transactions that only read."""
    async for database in migrated(server):
        connection = await asyncpg.connect(database.url)
        await connection.execute(ROWS_OF_FJORD)
        await connection.close()
        async with postgrest(database.superuser_url) as opened:
            yield opened


@pytest.fixture
def stand_in(serving: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The same stand-in for each test, that was asked nothing yet and answers in pages of 10 rows."""
    monkeypatch.setattr(read, "PAUSES", (timedelta(),) * 2)
    client._warn_of_legacy_key.cache_clear()
    serving.requests.clear()
    for name, value in {"url": serving.url, "tamper": None, "max_rows": 10}.items():
        monkeypatch.setattr(serving, name, value)
    return serving


def over_http(kind: str, stand_in: StandIn) -> Opened:
    """A source over the stand-in, which alone knows its database."""
    return OVER_HTTP[kind](Database("", "", ""), stand_in)


def always(text: str, status: int = 200, kind: str = "application/json", **headers: str) -> Tamper:
    """The same answer to every request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _, __: web.Response(text=text, status=status, content_type=kind, headers=named)


def nth(number: int, change: Callable[[web.Response], web.StreamResponse]) -> Tamper:
    """Changes one answer."""
    return lambda asked, answer: change(answer) if asked == number else answer


def rows_of(change: Callable[[list[dict[str, object]]], object]) -> Callable[[web.Response], web.Response]:
    """Changes the rows of an answer, and nothing of what it says of them."""

    def changed(answer: web.Response) -> web.Response:
        rows = json.loads(answer.text or "")
        return web.json_response(change(rows), status=answer.status, headers=_range(answer))

    return changed


def counting(total: object) -> Tamper:
    """Says another total at every answer."""

    def changed(_: int, answer: web.Response) -> web.Response:
        shown = answer.headers["Content-Range"].partition("/")[0]
        return web.Response(
            text=answer.text, content_type="application/json", headers={"Content-Range": f"{shown}/{total}"}
        )

    return changed


def lying(_: int, answer: web.Response) -> web.Response:
    """Cuts its answers, and counts what is left of them."""
    count = len(json.loads(answer.text or ""))
    return web.Response(text=answer.text, content_type="application/json", headers={"Content-Range": f"*/{count}"})


def _range(answer: web.Response) -> Mapping[str, str]:
    return {"Content-Range": answer.headers["Content-Range"]}


def _first_page_again() -> Tamper:
    kept: list[web.Response] = []

    def changed(_: int, answer: web.Response) -> web.Response:
        kept.append(answer)
        return web.Response(text=kept[0].text, content_type="application/json", headers=_range(kept[0]))

    return changed


def rows_id(ident: object) -> Tamper:
    """Puts another id on the first row of each answer."""
    return lambda _, answer: rows_of(lambda rows: [row | {"id": ident} for row in rows[:1]] + rows[1:])(answer)


HTML = "<!DOCTYPE html><title>Welcome</title>"
ERROR = json.dumps({"code": "XX000", "message": f"internal error of {SECRET_KEY}", "hint": None, "details": None})
HALVES = json.dumps({"code": SECRET_KEY[:19], "message": f"no {SECRET_KEY[19:]}", "hint": SECRET_KEY[5:25]})
BAD_ANSWERS: Mapping[str, tuple[Tamper, type[SynkronError], str]] = {
    "HTML": (always(HTML, kind="text/html"), DataApiError, "other than rows in JSON"),
    "HTML on the second page": (
        nth(1, lambda _: web.Response(text=HTML, content_type="text/html")), DataApiError, "other than rows in JSON"
    ),
    "nothing": (always(""), DataApiError, "other than rows|did not say how many"),
    "half of the JSON": (nth(1, lambda answer: web.Response(
        text=(answer.text or "")[:99], content_type="application/json", headers=_range(answer)
    )), DataApiError, "other than rows in JSON"),
    "a number": (always("7", Content_Range="0-0/1"), DataApiError, "other than rows in JSON"),
    "a 200 with an error": (always(ERROR), DataApiError, r"reported success, but answered with an error \(XX000"),
    "a 200 with half of the key in each text": (always(HALVES), DataApiError, "reported success"),
    "a 400 with half of the key in each text": (always(HALVES, 400), DataApiError, "refused: "),
    "rows that are none": (always("[1]", Content_Range="0-0/1"), DataApiError, "a row without an id"),
    "a row without an id": (
        nth(1, rows_of(lambda rows: [*rows[:-1], {"org_id": "o"}])),
        DataApiError, "a row without an id",
    ),
    "an id that is a list": (
        rows_id([1]), DataApiError, "an id that is neither text nor a number"
    ),
    "half of a character": (rows_id("\ud800"), DataApiError, "text that PostgreSQL can't hold"),
    "a NUL": (rows_id("a\0b"), DataApiError, "text that PostgreSQL can't hold"),
    "a count of thousands of digits": (counting("9" * 5000), DataApiError, "did not say how many|can't read"),
    "a row without its organization": (
        nth(0, rows_of(lambda rows: [{key: row[key] for key in row if key != "organization"} for row in rows])),
        DataApiError, "a row that has no organization",
    ),
    "several organizations for a row": (
        nth(0, rows_of(lambda rows: [row | {"organization": [row["organization"]]} for row in rows])),
        DataApiError, "whose organization is not one row",
    ),
    "a page twice": (_first_page_again(), DataApiError, "a row of an earlier page again"),
    "a silent cut": (nth(2, rows_of(lambda rows: rows[:0])), DataApiError, "counted 25 rows and answered with 20"),
    "a cut that the count denies": (lying, DataApiError, "counted 10 rows and answered with 20"),
    "a count that is too large": (counting(26), DataApiError, "counted 26 rows and answered with 25"),
    "a count that is too small": (counting(24), DataApiError, "counted 24 rows and answered with 25"),
    "no count": (counting("*"), DataApiError, "did not say how many rows"),
    "no such column": (
        always('{"code": "42703", "message": "column x.y does not exist"}', 400), SourceTableMissing, "column x.y"
    ),
    "an unknown error": (always('{"code": "PGRST999", "message": "odd"}', 400), DataApiError, "PGRST999: odd"),
    "401 without a body": (always("", 401), ServiceRoleRequired, "not one of this project"),
    "500": (always(ERROR, 500), DatabaseNotReady, "internal error"),
    "502 in HTML": (always(HTML, 502, "text/html"), DatabaseNotReady, "502"),
    "503 for ever": (
        always('{"code": "PGRST002", "message": "no schema cache"}', 503), DatabaseNotReady, "asked 3 times"
    ),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_nothing_fires(name: str, kind: str, stand_in: StandIn) -> None:
    stand_in.tamper, error, says = BAD_ANSWERS[name]
    async with over_http(kind, stand_in) as source:
        with structlog.testing.capture_logs() as logs, pytest.raises(error, match=says) as raised:
            await read_due_integrations(AT, source)
    assert shows_at_most_six(str(raised.value) + str(logs), SECRET_KEY)
    assert "\n" not in str(raised.value)


@BOTH
async def test_a_server_that_is_away_for_a_moment_is_asked_again(kind: str, stand_in: StandIn) -> None:
    stand_in.tamper = lambda asked, answer: web.Response(status=503, text=HTML) if asked in (0, 1, 3) else answer
    async with over_http(kind, stand_in) as source:
        assert len(await read_due_integrations(AT, source)) == ROWS
    assert len(stand_in.requests) == 4 + 3


@BOTH
async def test_a_connection_that_breaks_is_made_again(kind: str, stand_in: StandIn) -> None:
    def break_off(asked: int, answer: web.Response) -> web.Response:
        if asked in (0, 2):
            transport = stand_in.requests[-1].transport
            assert transport is not None
            transport.close()
        return answer

    stand_in.tamper = break_off
    async with over_http(kind, stand_in) as source:
        assert len(await read_due_integrations(AT, source)) == ROWS


@BOTH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 429, 500, 502, 504])
async def test_nothing_else_is_asked_again(kind: str, status: int, stand_in: StandIn) -> None:
    stand_in.tamper = always('{"message": "no"}' if status < 500 else HTML, status)
    async with over_http(kind, stand_in) as source:
        with pytest.raises(SynkronError):
            await read_due_integrations(AT, source)
    assert len(stand_in.requests) == 1


@BOTH
async def test_a_server_that_is_not_there(kind: str, stand_in: StandIn) -> None:
    stand_in.url = "http://127.0.0.1:9"
    async with over_http(kind, stand_in) as source:
        with pytest.raises(DatabaseNotReady, match="asked 3 times"):
            await read_due_integrations(AT, source)


async def test_a_redirect_is_not_followed_with_the_key(stand_in: StandIn) -> None:
    """By Synkron's own client. Supabase's follows redirects, and sends the key on to the same host alone."""
    stand_in.tamper = always("", 308, Location="http://127.0.0.1:9/")
    async with over_http("data api", stand_in) as source:
        with pytest.raises(DataApiError, match="Redirects are not followed"):
            await read_due_integrations(AT, source)


async def test_an_endless_answer_is_not_read_to_its_end(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synkron.source.data_api.client.LONGEST_ANSWER", 1000)
    async with over_http("data api", stand_in) as source:
        with pytest.raises(DataApiError, match="an answer of more than"):
            await read_due_integrations(AT, source)


async def test_an_answer_that_does_not_come(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synkron.source.data_api.client.TIMEOUT", timedelta())
    async with over_http("data api", stand_in) as source:
        with pytest.raises(DatabaseNotReady, match=r"No answer from the Data API .* within"):
            await read_due_integrations(AT, source)
