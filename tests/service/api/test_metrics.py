"""The figures for Prometheus: what they say, who may read them, and that the real one can."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from synkron.ledger.ticks import TickFigures, open_tick
from synkron.model import Window
from synkron.operations.access.actor import Permission
from synkron.service.api.shared import Shared
from synkron.service.metrics.families import OTHER
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.service.api.cast import HOUR, Member, add_run, make_cast
from tests.support.api import Api, serving, token_of
from tests.support.databases import Database
from tests.support.prometheus import NOT_INSTALLED, program, prometheus

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
async def cast(connection: Connection) -> list[Member]:
    """Runs of this hour and of others, jobs, a tick, an incident that somebody knows of."""
    cast = await make_cast(connection)
    for member in cast:
        await add_run(connection, member.org_id, member.integrations[1], member.name, hours_ago=0)
    await connection.execute(
        "update synkron.runs set integration_type = 'of ' || org_id where org_id = $1", cast[2].org_id
    )
    now = await connection.fetchval("select now()")
    figures = TickFigures(due=3, invalid=2)
    await open_tick(connection, now, Window(now - HOUR, now), figures, source="service", scheduler="s")
    await connection.execute(
        "insert into synkron.queue (priority, entrypoint, payload, execute_after, status) "
        "values (0, 'xledger', '1', now() - interval '90 s', 'queued'), (0, 'x', '2', now(), 'queued'),"
        " (0, 'xledger', '3', now() + interval '1 h', 'queued')"
    )
    await connection.execute(
        "update synkron.incidents set acknowledged_at = now(), acknowledged_by = 'k' where id = $1", cast[0].incident_id
    )
    return cast


def samples(text: str) -> Samples:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def sample(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


async def test_the_figures_are_those_of_the_database(api: Api, cast: list[Member]) -> None:
    answer = await api.get("/metrics")
    assert answer.status == 200
    found = samples(answer.text)
    assert sample(found, "synkron_due_last_hour") == 3
    assert sample(found, "synkron_invalid_rows") == 2
    assert 0 <= sample(found, "synkron_last_tick_age_seconds") < 60
    for kind, runs in (("xledger", 2), (OTHER, 1)):
        assert sample(found, "synkron_runs_last_hour", type=kind, state="failed") == runs
        decision = {"type": kind, "action": "run", "source": "schedule", "reason": "on_time"}
        assert sample(found, "synkron_decisions_last_hour", **decision) == runs
        drift = "synkron_drift_seconds_last_hour"
        assert [sample(found, f"{drift}_bucket", type=kind, le=le) for le in ("300.0", "900.0", "+Inf")] == [
            0,
            runs,
            runs,
        ]
        assert sample(found, f"{drift}_gsum", type=kind) == 420 * runs
        assert sample(found, "synkron_duration_seconds_last_hour_gcount", type=kind) == runs
    assert sample(found, "synkron_queue_depth", type="xledger") == 1
    assert sample(found, "synkron_queue_depth", type=OTHER) == 1
    assert 90 <= sample(found, "synkron_queue_age_seconds", type="xledger") < 150
    assert sample(found, "synkron_held_integrations", reason="pause") == 3
    assert sample(found, "synkron_pauses") == 3
    assert sample(found, "synkron_incidents", kind="run_failed", state="open") == 2
    assert sample(found, "synkron_incidents", kind="run_failed", state="acknowledged") == 1
    assert sample(found, "synkron_nodes", role="worker", state="running") == 0
    assert not [mark for member in cast for mark in member.marks if mark in answer.text]


async def test_both_formats_can_be_read(api: Api, cast: list[Member]) -> None:
    del cast
    answer = await api.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families = openmetrics.text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    names = {family.name for family in families}
    plain = await api.get("/metrics", headers={"Accept": "text/html"})
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert "synkron_drift_seconds_last_hour" in names
    assert len(names) >= 18
    assert len(samples(plain.text)) >= 50


async def test_an_empty_ledger_has_figures_too(api: Api) -> None:
    found = samples((await api.get("/metrics")).text)
    assert sample(found, "synkron_ticks_last_hour") == 0
    assert ("synkron_last_tick_age_seconds", frozenset()) not in found


async def test_they_are_of_all_organizations_and_so_for_who_may_see_all(
    api: Api, connection: Connection, cast: list[Member]
) -> None:
    tied = await token_of(connection, Permission.ADMIN, cast[0].org_id)
    assert [(await api.with_token(token).get("/metrics")).status for token in (None, tied)] == [401, 403]


async def test_what_many_ask_for_is_made_once() -> None:
    made = 0
    go_on = asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await go_on.wait()
        if made == 1:
            raise TimeoutError
        return made

    shared: Shared[int] = Shared(60.0)
    asking = [asyncio.create_task(shared.get(make)) for _ in range(10)]
    go_on.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], TimeoutError), "who asked first is told, and the next one asks"
    assert found[1:] == [2] * 9
    assert await shared.get(make) == 2
    stale: Shared[int] = Shared(0.0)
    assert [await stale.get(make), await stale.get(make)] == [3, 4]


async def test_who_asks_first_may_leave() -> None:
    begun, go_on, made = asyncio.Event(), asyncio.Event(), 0

    async def make() -> int:
        nonlocal made
        made += 1
        begun.set()
        await go_on.wait()
        return made

    shared: Shared[int] = Shared(60.0)
    first = asyncio.create_task(shared.get(make))
    await begun.wait()
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.create_task(shared.get(make))
    go_on.set()
    assert (first.cancelled(), await second, made) == (True, 1, 1)


async def test_what_is_being_made_ends_with_the_service() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def make() -> int:
        begun.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    shared: Shared[int] = Shared(60.0)
    await shared.close()
    asking = asyncio.create_task(shared.get(make))
    await begun.wait()
    await shared.close()
    assert ended.is_set()
    await asyncio.wait({asking})


@pytest.mark.waits(minutes=0.1)
@pytest.mark.skipif(program() is None, reason=NOT_INSTALLED)
async def test_the_distribution_s_prometheus_scrapes_them(
    database: Database, connection: Connection, cast: list[Member]
) -> None:
    token = await token_of(connection)
    async with (
        serving(database, Settings(listen="127.0.0.1:0")) as api,
        prometheus(api.url, {"synkron": token, "stranger": None}) as scraper,
    ):
        [(labels, runs)] = await scraper.until('synkron_runs_last_hour{job="synkron", type="xledger", state="failed"}')
        assert runs == 2
        [(_, late)] = await scraper.ask(
            'histogram_quantile(0.5, synkron_drift_seconds_last_hour_bucket{type="xledger"})'
        )
        assert 300 < late < 900
        assert [value for _, value in await scraper.ask('up{job="synkron"}')] == [1]
        assert [value for _, value in await scraper.until('up{job="stranger"}')] == [0]
        everything = str(await scraper.ask('{job="synkron"}')) + str(labels)
        assert not [mark for member in cast for mark in member.marks if mark in everything]
