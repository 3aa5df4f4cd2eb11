"""What nobody should send: a problem, nothing changed, nothing leaked, and nothing slowed."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import Any

import pytest
from multidict import CIMultiDict

from synkron.operations.access.actor import Permission
from synkron.operations.audit import entries
from synkron.postgres.connection import Pool
from tests.conftest import Connection
from tests.support.api import Api, token_of
from tests.support.changes import CHANGES, WHY, Cast, everything
from tests.support.databases import Database
from tests.support.fleet import blocked
from tests.support.working import Recorder, deliver

pytestmark = pytest.mark.own_database

JSON = "application/json"
PAUSE = {"org_id": "x", "reason": WHY}
NO_INSTANTS: list[object] = ["2199-01-01T00:00:00", "9999-12-31T23:59:59-14:00", "1971-12-31T23:59Z"]
NO_INSTANTS += ["2200-01-01T00:00Z", "tomorrow", "", "4000000000", 4_000_000_000, 4e9, True, {}]
DEEP = b"[" * 20_000 + b"]" * 20_000


def pausing(**more: object) -> bytes:
    return json.dumps(PAUSE | more).encode()


# What is sent to /v1/pauses and as what; the status, and what is said of it.
BODIES: list[tuple[bytes, str, int, str]] = [
    (b"x" * 10_000_000, JSON, 413, "the body is larger than"),
    (pausing(), "text/plain", 415, "send the body as application/json"),
    (pausing(), "application/x-www-form-urlencoded", 415, "send the body as application/json"),
    (pausing(), "application/json5", 415, "send the body as application/json"),
    (b"", JSON, 422, "body: Invalid JSON"),
    (b"{", JSON, 422, "body: Invalid JSON"),
    (b'{"reason": "\xff"}', JSON, 422, "body: Invalid JSON"),
    (b'{"reason": "\\ud800"}', JSON, 422, "body: Invalid JSON"),
    (DEEP, JSON, 422, "body: Invalid JSON"),
    (b"null", JSON, 422, "body: Input should be an object"),
    (b"[]", JSON, 422, "body: Input should be an object"),
    (b"{}", JSON, 422, "body.reason: Field required"),
    (pausing(reason=1), JSON, 422, "body.reason: Input should be a valid string"),
    (pausing(reason=" "), JSON, 422, "body.reason: Value error, it is empty"),
    (pausing(reason="x" * 1001), JSON, 422, "body.reason: String should have at most 1000 characters"),
    (pausing(reason="a\0b"), JSON, 422, "all must be printable"),
    (pausing(reason="a\x1b[2Jb"), JSON, 422, "all must be printable"),
    (pausing(org_id=["x"]), JSON, 422, "body.org_id: Input should be a valid string"),
    (pausing(everything="true"), JSON, 422, "body.everything: Input should be a valid boolean"),
    (pausing(everything=True), JSON, 422, "give integration_ids; or org_id"),
    (json.dumps({"reason": WHY}).encode(), JSON, 422, "give integration_ids; or org_id"),
    (pausing(integration_ids=[]), JSON, 422, "body.integration_ids: List should have at least 1 item"),
    (pausing(integration_ids=["x"] * 1001), JSON, 422, "at most 1000 items"),
    (pausing(integration_ids=[1]), JSON, 422, "body.integration_ids.0: Input should be a valid string"),
    *((pausing(until=one), JSON, 422, "body.until: Value error, write an instant in ISO 8601") for one in NO_INSTANTS),
    (pausing(**{"for": "3651d"}), JSON, 422, "is not a span"),
    (pausing(**{"for": "2h", "until": "2199-01-01T00:00:00Z"}), JSON, 422, "give until or for, not both"),
    (pausing(for_="2h"), JSON, 422, "body.for_: Extra inputs are not permitted"),
    (pausing(author="ola"), JSON, 422, "body.author: Extra inputs are not permitted"),
    (b'{"org_id": "x", "reason": "y", "for": "1h", "for": null}', JSON, 422, "body.for: Give it once."),
    (b'{"org_id": "x", "reason": {"a": 1, "a": 2}}', JSON, 422, "body.reason.a: Give it once."),
    (pausing(), JSON, 404, "There is no organization x in public.organizations."),
    (pausing(org_id="'; drop table x"), JSON, 404, "There is no organization '; drop table x"),
]

# What is asked, and the status.
ASKED: list[tuple[str, Any, int]] = [
    ("runs/retry", {"run_ids": ["1"]}, 422),
    ("runs/retry", {"run_ids": [1.5]}, 422),
    ("runs/retry", {"run_ids": [True]}, 422),
    ("runs/retry", {"run_ids": [2**63]}, 422),
    ("runs/retry", {"run_ids": [2**63 - 1]}, 404),
    ("runs/cancel", {"run_ids": [1]}, 422),
    ("pauses/resume", {}, 422),
    ("pauses/resume", {"pause_ids": [1], "everything": True}, 422),
    ("trigger", {}, 422),
    ("trigger", None, 422),
    ("pauses/resume", None, 422),
    ("incidents/4711/acknowledge", None, 404),
    ("trigger", {"org_id": "x"}, 422),
    ("trigger", {"integration_id": "no uuid"}, 404),
    ("backfill", {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}, 422),
    ("overrides/set", {"integration_id": "x", "values": {}}, 422),
    ("overrides/set", {"integration_id": "x", "values": {"pace": 1}}, 422),
    ("overrides/set", {"integration_id": "x", "values": {"attempts": "many"}}, 422),
    ("overrides/set", {"integration_id": "x", "values": {"timeout": "5m"}}, 404),
    ("overrides/unset", {"integration_id": "x"}, 404),
    ("incidents/0/acknowledge", {}, 404),
    ("incidents/x/acknowledge", {}, 404),
    ("incidents/4711/acknowledge", {}, 404),
    ("incidents/4711/acknowledge", {"by": "ola"}, 422),
    ("silences", {"org_id": "x", "reason": WHY}, 422),
    ("silences", {"integration_type": "fax", "reason": WHY, "for": "1h"}, 404),
    ("silences/4711/end", {}, 404),
    ("pauses?dry_run=perhaps", PAUSE, 422),
]


async def test_a_body_that_is_wrong_is_a_problem_and_changes_nothing(operator: Api, connection: Connection) -> None:
    before = await everything(connection)
    wrong = []
    for content, kind, status, said in BODIES:
        answer = await operator.ask("POST", "/v1/pauses", data=BytesIO(content), headers={"Content-Type": kind})
        if answer.status != status or said not in answer.content["detail"]:
            wrong.append((content[:100], kind, status, said, answer.content))
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert wrong == []
    assert await everything(connection) == before


async def test_what_is_asked_wrongly_is_a_problem_and_changes_nothing(operator: Api, connection: Connection) -> None:
    before = await everything(connection)
    found = [(path, body, (await operator.post(f"/v1/{path}", body)).status) for path, body, _ in ASKED]
    assert found == ASKED
    assert await everything(connection) == before


async def test_a_key_that_is_none(operator: Api, connection: Connection, cast: Cast) -> None:
    before = await everything(connection)
    path, body = CHANGES["pause"][1](cast.fjord, cast.hour)
    for key in ("", " ", "x" * 256, "a b", "æ"):
        assert (await operator.post(f"/v1/{path}", body, headers={"Idempotency-Key": key})).status == 422, key
    twice = CIMultiDict([("Idempotency-Key", "one"), ("Idempotency-Key", "two")])
    assert (await operator.post(f"/v1/{path}", body, headers=twice)).status == 422
    assert await everything(connection) == before


async def test_a_key_is_of_one_route_and_one_actor(operator: Api, connection: Connection, cast: Cast) -> None:
    path, body = CHANGES["pause"][1](cast.fjord, cast.hour)
    headers = {"Idempotency-Key": "k"}
    first = await operator.post(f"/v1/{path}", body, headers=headers)
    assert (await operator.post("/v1/trigger", {"integration_id": "x"}, headers=headers)).status == 422
    admin = operator.with_token(await token_of(connection, Permission.ADMIN))
    other = await admin.post(f"/v1/{path}", body, headers=headers)
    assert (other.status, "is already paused" in other.content["detail"]) == (409, True)
    assert (await operator.post(f"/v1/{path}", body, headers=headers)).content == first.content


async def test_half_open_connections_hold_up_neither_changes_nor_deliveries(
    operator: Api, database: Database, pool: Pool, connection: Connection, cast: Cast
) -> None:
    host, port = operator.url.removeprefix("http://").split(":")
    half = b"POST /v1/pauses HTTP/1.1\r\nHost: x\r\nAuthorization: Bea"
    peers = []
    for _ in range(400):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(half)
        peers.append(writer)
    path, body = CHANGES["trigger"][1](cast.fjord, cast.hour)
    made = await operator.post(f"/v1/{path}", body)
    assert made.status == 200
    await connection.execute("delete from synkron.runs where id <> $1", made.content["run_id"])
    [run] = await deliver(database, pool, Recorder())
    assert (run.id, run.state) == (made.content["run_id"], "succeeded")
    for writer in peers:
        writer.close()


@pytest.mark.parametrize("name", ["pause", "trigger", "retry", "override"])
@pytest.mark.parametrize("by", ["the client leaves", "the session ends"])
async def test_a_change_that_is_broken_off_is_done_as_a_whole_or_not_at_all(
    operator: Api, connection: Connection, pool: Pool, cast: Cast, database: Database, name: str, by: str
) -> None:
    del database
    path, body = CHANGES[name][1](cast.fjord, cast.hour)
    before, start = await everything(connection), len(await entries(connection))
    async with pool.acquire() as ticking:
        transaction = ticking.transaction()
        await transaction.start()
        await ticking.execute("lock table synkron.watermark in share row exclusive mode")
        asked = asyncio.create_task(operator.post(f"/v1/{path}", body, headers={"Idempotency-Key": "k"}))
        await blocked(pool)
        if by == "the client leaves":
            asked.cancel()
        else:
            await connection.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
            assert (await asked).status == 503
            assert await everything(connection) == before
        await transaction.rollback()
    answer = await operator.post(f"/v1/{path}", body, headers={"Idempotency-Key": "k"})
    assert answer.status == 200
    assert len(await entries(connection)) == start + 1
