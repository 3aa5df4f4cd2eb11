"""The JSON of a command and that of the API have the same keys, noun by noun."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from synkron.ledger.ticks import TickFigures, open_tick
from synkron.model import Window
from tests.cli.conftest import Command
from tests.conftest import Connection
from tests.service.api.cast import make_cast
from tests.support.api import serving, token_of
from tests.support.databases import Database

pytestmark = pytest.mark.own_database


def items(answer: Any) -> Any:
    """What a list of the API holds; a command has it without a page around it."""
    return answer["items"]


def whole(answer: Any) -> Any:
    """An answer that is no list is the same."""
    return answer


# What the command is asked for, what the API is, and where in its answer the noun is.
NOUNS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "runs": ("runs", "/v1/runs", items),
    "run": ("runs show {run}", "/v1/runs/{run}", whole),
    "fires": ("next --hours 8784", "/v1/upcoming?hours=8784", items),
    "pauses": ("pauses", "/v1/pauses", items),
    "silences": ("incidents silences", "/v1/silences", items),
    "overrides": ("overrides", "/v1/overrides", items),
    "incidents": ("incidents", "/v1/incidents", items),
    "incident": ("incidents show {incident}", "/v1/incidents/{incident}", whole),
    "health": ("health", "/v1/health", items),
    "drift": ("drift", "/v1/drift", whole),
    "report": ("report --since 24h", "/v1/report?since={yesterday}", whole),
    "verification": ("verify", "/v1/verify", whole),
    "strict verification": ("verify --strict", "/v1/verify?strict=true", whole),
    "why": ("why --integration {integration}", "/v1/why?integration={integration}", whole),
    "status": ("status", "/v1/status", whole),
    "forecast": ("forecast --hours 1", "/v1/forecast?hours=1", whole),
    "explanation": ("explain '0 2 * * *'", "/v1/explain?expression=0 2 * * *", whole),
    "nodes": ("nodes", "/v1/nodes", items),
    "audit": ("audit", "/v1/audit", items),
}


async def test_command_and_api_have_the_same_keys(
    on_database: Command, database: Database, connection: Connection
) -> None:
    [member, *_] = await make_cast(connection)
    await make_fleet(connection)
    told = {
        "run": member.run_id,
        "incident": member.incident_id,
        "integration": member.integrations[0],
        "yesterday": f"{datetime.now(UTC) - timedelta(hours=24):%Y-%m-%dT%H:%MZ}",  # noqa: TID251
    }
    async with serving(database) as there:
        api = there.with_token(await token_of(connection))
        for noun, (command, path, found) in NOUNS.items():
            ended = await asyncio.to_thread(on_database, *shlex.split(command.format_map(told)), "--json")
            answer = await api.get(path.format_map(told))
            assert answer.status == 200, (noun, answer.content)
            by_command, by_api = set(keys_of(ended.answer)), set(keys_of(found(answer.content)))
            assert by_command == by_api, noun
            assert by_api, f"{noun}: there is nothing to compare"


async def test_the_policy_and_the_doctor_s_checks_are_the_same(
    on_database: Command, database: Database, connection: Connection
) -> None:
    [member, *_] = await make_cast(connection)
    async with serving(database, url=database.url) as there:
        api = there.with_token(await token_of(connection))
        shown = (await api.get(f"/v1/integrations/{member.integrations[0]}")).content
        ended = await asyncio.to_thread(
            on_database, "overrides", "show", "--integration", member.integrations[0], "--json"
        )
        assert shown["policy"] == ended.answer["policy"]
        examined = (await api.get("/v1/doctor")).content
    ended = await asyncio.to_thread(on_database, "doctor", "--json")
    assert set(keys_of(examined)) == set(keys_of(ended.answer))
    assert [one["check"] for one in examined["checks"]] == [one["check"] for one in ended.answer["checks"]]


async def make_fleet(connection: Connection) -> None:
    """A tick, a process, a vendor's sample, and a verification."""
    now: datetime = await connection.fetchval("select now()")
    window = Window(now - timedelta(seconds=30), now)
    await open_tick(connection, now, window, TickFigures(0, 0), source="service", scheduler="s")
    await connection.execute(
        "insert into synkron.nodes (name, role, version, started_at, seen_at, skew) "
        "values ('n', 'worker', '1', now(), now(), interval '1 ms')"
    )
    await connection.execute(
        "insert into synkron.health (endpoint, integration_types, verdict, reason, known_by, since, next_probe_at) "
        "values ('e', array['xledger'], 'healthy', 'HTTP 200', 'run', now(), now());"
        "insert into synkron.health_hours (endpoint, hour, healthy) values ('e', date_trunc('hour', now(), 'UTC'), 1)"
    )
    await connection.execute(
        "insert into synkron.verifications (at, since, until, expected, missed, doubled, late, unexplained) "
        "values (now(), now(), now(), 1, 0, 0, 0, 0)"
    )


def keys_of(value: object, path: str = "") -> Iterator[str]:
    """Each key with where it is; the items of a list together."""
    if isinstance(value, dict):
        for key, held in value.items():
            yield f"{path}.{key}"
            yield from keys_of(held, f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from keys_of(one, f"{path}[]")
