"""A request with an Idempotency-Key changes something once, whatever comes again, crashes or comes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from synkron.ledger.retention import forget
from synkron.model import Scope
from synkron.operations.access.answers import Answer, KeyReused, answer_once
from synkron.operations.pauses import AskedPause, pause
from synkron.operations.recorded_pauses import pauses
from synkron.postgres.clock import database_clock
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, blocked

REQUEST, BODY = "POST /v1/pauses", b'{"reason": "their maintenance"}'


class Pausing:
    """Pauses an integration of its own at each call, and counts the calls."""

    def __init__(self, connection: Connection, one: str) -> None:
        self.calls = 0
        self._connection = connection
        self._one = one

    async def __call__(self) -> Answer:
        self.calls += 1
        asked = AskedPause([Scope(integration_id=self._one)], "their maintenance")
        [made] = await pause(self._connection, Settings(), asked, "token:ci")
        return Answer(201, f'{{"pause": {made.id}}}')


async def ask(
    connection: Connection,
    do: Callable[[], Awaitable[Answer]],
    *,
    actor: str = "token:ci",
    key: str = "k1",
    request: str = REQUEST,
    body: bytes = BODY,
) -> Answer:
    return await answer_once(connection, actor, key, request, body, do)


@pytest.fixture
async def pausing(connection: Connection) -> Pausing:
    return Pausing(connection, await add_integration(connection, "0 2 * * *"))


async def test_what_comes_again_is_answered_the_same(connection: Connection, pausing: Pausing) -> None:
    first = await ask(connection, pausing)
    assert first.status == 201
    assert [await ask(connection, pausing) for _ in range(3)] == [first] * 3
    assert pausing.calls == 1
    assert len(await pauses(connection, Settings())) == 1


@pytest.mark.parametrize(
    "other", [{"body": b"{}"}, {"request": "POST /v1/pauses?x=1"}, {"request": "POST /v1/runs/1/retry"}]
)
async def test_a_key_is_of_one_request(connection: Connection, pausing: Pausing, other: dict[str, str]) -> None:
    await ask(connection, pausing)
    with pytest.raises(KeyReused, match="Send a new key with each new request"):
        await ask(connection, pausing, **other)  # type: ignore[arg-type]
    assert pausing.calls == 1


async def test_each_actor_has_keys_of_its_own(connection: Connection) -> None:
    for actor in ("token:ci", "person:ci"):
        one = await add_integration(connection, "0 2 * * *")
        await ask(connection, Pausing(connection, one), actor=actor)
    assert len(await pauses(connection, Settings())) == 2


async def test_what_was_refused_is_not_kept(connection: Connection, pausing: Pausing) -> None:
    async def refuse() -> Answer:
        await pausing()
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ask(connection, refuse)
    assert await pauses(connection, Settings()) == []
    assert (await ask(connection, pausing)).status == 201


async def test_one_that_comes_while_the_first_is_at_work_waits_for_it(
    connection: Connection, database: Database, pausing: Pausing
) -> None:
    other = await asyncpg.connect(database.url)
    at_work, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> Answer:
        at_work.set()
        await go_on.wait()
        return await pausing()

    async def never() -> Answer:
        raise AssertionError

    first = asyncio.create_task(ask(connection, slowly))
    await at_work.wait()
    second = asyncio.create_task(ask(other, never))
    watching = await asyncpg.connect(database.superuser_url)
    await blocked(watching)
    await watching.close()
    go_on.set()
    assert await first == await second
    await other.close()


async def test_a_process_that_dies_leaves_neither_change_nor_answer(
    connection: Connection, database: Database, pausing: Pausing
) -> None:
    dying = await asyncpg.connect(database.url)

    async def die() -> Answer:
        answer = await Pausing(dying, pausing._one)()
        dying.terminate()
        return answer

    with pytest.raises(Exception, match="connection"):
        await ask(dying, die)
    assert (await ask(connection, pausing)).status == 201
    assert len(await pauses(connection, Settings(), ended=True)) == 1


async def test_a_secret_is_answered_once_and_not_kept(connection: Connection) -> None:
    async def make() -> Answer:
        return Answer(200, '{"secret": "hush"}', '{"secret": null}')

    assert (await ask(connection, make)).body == '{"secret": "hush"}'
    assert (await ask(connection, make)).body == '{"secret": null}'
    assert "hush" not in str(await connection.fetch("select body from synkron.answers"))


async def test_after_a_day_a_key_is_new(connection: Connection, pausing: Pausing) -> None:
    await ask(connection, pausing)
    await connection.execute("update synkron.answers set created_at = now() - interval '24 h'")

    async def again() -> Answer:
        return Answer(200, "{}")

    assert await ask(connection, again, body=b"other") == Answer(200, "{}")
    assert await ask(connection, pausing, body=b"other") == Answer(200, "{}")
    assert await forget(connection, await database_clock(connection) + timedelta(hours=25), timedelta(days=400))
    assert await connection.fetchval("select count(*) from synkron.answers") == 0


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none(connection: Connection, pausing: Pausing, key: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 characters"):
        await ask(connection, pausing, key=key)
    assert pausing.calls == 0
