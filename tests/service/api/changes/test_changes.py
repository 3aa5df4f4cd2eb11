"""Each change over HTTP: said, done once, refused, and kept from others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from synkron.model import Scope
from synkron.operations.access.actor import Permission
from synkron.operations.audit import entries
from synkron.postgres.connection import connected
from tests.conftest import Connection
from tests.support.api import Answer, Api, token_of
from tests.support.changes import ADMINISTRATION, CHANGES, HOUR, WHY, Cast, Own, about, everything
from tests.support.databases import Database
from tests.support.fleet import blocked

EVERY = CHANGES | ADMINISTRATION


async def ask(api: Api, path: str, body: object, key: str | None = None, *, dry_run: bool = False) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await api.post(f"/v1/{path}" + ("?dry_run=true" if dry_run else ""), body, headers=headers)


async def asking(api: Api, connection: Connection, name: str) -> Api:
    """Somebody who may do this."""
    permission = Permission.OPERATE if name in CHANGES else Permission.ADMIN
    return api if name in CHANGES else api.with_token(await token_of(connection, permission))


async def audited(connection: Connection, start: int = 0) -> list[tuple[str, str]]:
    found = [(one.author, one.action) for one in await entries(connection)]
    return found[: len(found) - start]


@pytest.mark.parametrize("name", EVERY)
async def test_a_dry_run_says_it_and_of_ten_at_once_with_a_key_one_changes_something(
    operator: Api, connection: Connection, cast: Cast, name: str
) -> None:
    api = await asking(operator, connection, name)
    action, asked = EVERY[name]
    path, body = asked(cast.fjord, cast.hour)
    before = await everything(connection)
    said = await ask(api, path, body, "a-key", dry_run=True)
    assert (said.status, said.content["dry_run"]) == (200, True), said.content
    assert await everything(connection) == before

    start = len(await entries(connection))
    answers = await asyncio.gather(*(ask(api, path, body, "a-key") for _ in range(10)))
    secrets = [one.content.pop("secret", None) for one in answers]
    assert len([one for one in secrets if one]) == (name == "create a token")
    assert [(one.status, one.content) for one in answers] == [(200, answers[0].content)] * 10
    assert answers[0].content.keys() == said.content.keys() - {"secret"}
    author = "token:operate-all" if name in CHANGES else "token:admin-all"
    assert await audited(connection, start) == [(author, action)]
    newest, whom = (await entries(connection))[0], about(name, cast.fjord)
    assert (newest.org_id, newest.integration_type, newest.integration_id) == whom
    assert (await entries(connection, whom))[0] == newest
    assert newest not in await entries(connection, Scope(cast.vik.org_id))

    other = await ask(api, path, {**body, "reason": "other"}, "a-key")
    assert other.status == 422
    if "secret" in answers[0].content or secrets[0]:
        kept = await connection.fetchval("select string_agg(body, '') from synkron.answers")
        assert not any(one and one in kept for one in secrets)


@pytest.mark.parametrize("name", CHANGES)
async def test_who_is_tied_changes_its_own_and_learns_nothing_of_others(
    operator: Api, connection: Connection, cast: Cast, name: str
) -> None:
    tied = operator.with_token(await token_of(connection, Permission.OPERATE, cast.fjord.org_id))
    asked = CHANGES[name][1]
    before = await everything(connection)
    for dry_run in (True, False):
        others = [await ask(tied, *asked(own, cast.hour), dry_run=dry_run) for own in (cast.vik, cast.dal, cast.nobody)]
        assert [one.status for one in others] == [404] * 3
        sentences = [said_of(one, own) for one, own in zip(others, (cast.vik, cast.dal, cast.nobody), strict=True)]
        assert len(set(sentences)) == 1, sentences
    assert await everything(connection) == before
    own = await ask(tied, *asked(cast.fjord, cast.hour))
    assert own.status == 200, own.content
    assert not tells_of(own.content, cast.vik, cast.dal)


def said_of(answer: Answer, own: Own) -> str:
    """The sentence, without the id that was asked for."""
    said: str = answer.content["detail"]
    for value in sorted(map(str, vars(own).values()), key=len, reverse=True):
        said = said.replace(value, "ID")
    return said


def tells_of(content: object, *others: Own) -> bool:
    return any(one.org_id in str(content) or one.free in str(content) or "alert" in str(content) for one in others)


@pytest.mark.parametrize("several", [True, False])
async def test_what_is_of_several_is_changed_as_a_whole_or_not_at_all(
    operator: Api, connection: Connection, cast: Cast, several: bool
) -> None:
    tied = operator.with_token(await token_of(connection, Permission.OPERATE, cast.fjord.org_id))
    other = cast.vik if several else cast.nobody
    before = await everything(connection)
    for path, body in (
        ("pauses", {"integration_ids": [cast.fjord.free, other.free], "reason": WHY}),
        ("pauses/resume", {"pause_ids": [cast.fjord.pause, other.pause]}),
        ("pauses/resume", {"integration_ids": [cast.fjord.paused, other.paused]}),
        ("runs/retry", {"run_ids": [cast.fjord.failed, other.failed]}),
        ("runs/cancel", {"run_ids": [cast.fjord.claimed, other.claimed], "reason": WHY}),
    ):
        assert (await ask(tied, path, body)).status == 404
    assert await everything(connection) == before


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("pauses", lambda own: {"integration_ids": [own.free, own.paused], "reason": WHY}, "is already paused: pause"),
        ("pauses", lambda own: {"org_id": own.org_id, "reason": WHY, "until": "2020-01-01T00:00:00Z"}, "in the past"),
        ("trigger", lambda own: {"integration_id": own.paused}, "is paused by kari"),
        ("runs/retry", lambda own: {"run_ids": [own.failed, own.claimed]}, "is claimed. Only a run that has failed"),
        ("runs/cancel", lambda own: {"run_ids": [own.failed], "reason": WHY}, "is failed. Only a run that is claimed"),
        (
            "backfill",
            lambda own: {"integration_id": own.free, "from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
            "which is not after its start",
        ),
        ("silences", lambda own: {"org_id": own.org_id, "reason": WHY, "until": "2020-01-01T00:00:00Z"}, "in the past"),
    ],
)
async def test_what_can_not_be_done_now_is_a_conflict(
    operator: Api, connection: Connection, cast: Cast, path: str, body: Any, said: str
) -> None:
    before = await everything(connection)
    for dry_run in (True, False):
        refused = await ask(operator, path, body(cast.fjord), "k", dry_run=dry_run)
        assert refused.status == 409
        assert said in refused.content["detail"]
    assert await everything(connection) == before


async def test_a_thousand_are_paused_and_resumed_with_a_row_each(
    operator: Api, connection: Connection, cast: Cast
) -> None:
    rows = await connection.fetch(
        "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) "
        "select $1, 'xledger', true, '0 2 * * *' from generate_series(1, 1000) returning id::text",
        cast.fjord.org_id,
    )
    ids = [row["id"] for row in rows]
    start = len(await entries(connection))
    said = await ask(operator, "pauses", {"integration_ids": ids, "reason": WHY, "for": "1h"})
    assert (said.content["plan"]["subject"], said.content["plan"]["live"]) == ("1,000 integrations", 1000)
    assert [one["integration_id"] for one in said.content["pauses"]] == ids
    ended = await ask(operator, "pauses/resume", {"pause_ids": [one["pause_id"] for one in said.content["pauses"]]})
    assert [one["state"] for one in ended.content["pauses"]] == ["ended"] * 1000
    found = await entries(connection)
    assert [one.action for one in found[: len(found) - start]] == ["resume"] * 1000 + ["pause"] * 1000
    subjects = {f"integration {one} (xledger of Fjord)" for one in ids}
    assert {one.subject for one in found[:1000]} == subjects
    assert (await ask(operator, "pauses", {"integration_ids": [*ids, ids[0] + "x"], "reason": WHY})).status == 422


async def test_the_channels_are_tried_and_it_is_in_the_audit(
    operator: Api, connection: Connection, cast: Cast, database: Database
) -> None:
    del cast
    planned = await ask(operator, "channels/test", {}, dry_run=True)
    [one] = planned.content["channels"]
    assert (one["channel"], one["kind"], one["delivered"]) == ("hook", "webhook", False)
    start = len(await entries(connection))
    async with connected(database.superuser_url) as locking:
        async with locking.transaction():
            await locking.execute("lock table synkron.audit in share mode")
            both = []
            for number in (1, 2):  # the second comes while the first is at work
                both.append(asyncio.create_task(ask(operator, "channels/test", {"channel": "hook"}, "k")))
                await asyncio.wait(
                    {*both, blocking := asyncio.create_task(blocked(locking, number))},
                    return_when=asyncio.FIRST_COMPLETED,
                )
                blocking.cancel()
            other = await ask(operator, "channels/test", {}, "another")
            assert (other.status, "try again" in other.content["detail"]) == (409, True)
        first, second = await asyncio.gather(*both)
    assert (first.status, second.content) == (200, first.content)
    assert [(one["delivered"], bool(one["error"])) for one in first.content["channels"]] == [(False, True)]
    again = await ask(operator, "channels/test", {"channel": "hook"}, "k")
    assert again.content == first.content
    assert await audited(connection, start) == [("token:operate-all", "test channel")]
    assert (await ask(operator, "channels/test", {"channel": "fax"})).status == 404


async def test_a_backfill_of_more_than_is_allowed_is_refused(operator: Api, cast: Cast) -> None:
    span = {"from": (cast.hour - 6 * HOUR).isoformat(), "to": cast.hour.isoformat()}
    asked = {"integration_id": cast.fjord.free, **span}
    refused = await ask(operator, "backfill", {**asked, "most": 1})
    assert (refused.status, refused.content["detail"][:21]) == (409, "That would be 4 runs.")
    done = await ask(operator, "backfill", {**asked, "most": 4})
    assert (done.status, len(done.content["run_ids"])) == (200, 4)
