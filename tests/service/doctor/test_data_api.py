"""The check of the Data API: whose key it is, whether both tables can be read, and the project's max_rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from synkron.service.doctor.finding import Level
from tests.service.doctor.conftest import Doctor
from tests.support.pgbouncer import pgbouncer, program
from tests.support.postgrest import PUBLISHABLE_KEY, SECRET_KEY, StandIn, postgrest, token

pytestmark = pytest.mark.own_database


@pytest.fixture
async def stand_in(doctor: Doctor) -> AsyncIterator[StandIn]:
    """Of the same database, in which the tables are."""
    async with postgrest(doctor.database.superuser_url) as running:
        doctor.configure({"source": {"data_api": True}, "supabase": {"url": running.url, "secret_key": "env:KEY"}})
        yield running


async def test_it_is_not_the_source(doctor: Doctor) -> None:
    [found] = (await doctor.examined())["data API"]
    assert (found.level, found.why) == (Level.OK, "It is not the source.")


async def test_all_is_well(doctor: Doctor, stand_in: StandIn) -> None:
    found = await doctor.examined(environment={"KEY": SECRET_KEY})
    assert [one.level for one in found["data API"]] == [Level.OK] * 3
    assert found["data API"][1].why == "organization_integrations: 1 row, in pages of 1,000."
    assert found["indexes"][0].why == "The mirror of the tables needs none."
    assert len(stand_in.requests) == 2


@pytest.mark.parametrize(
    ("key", "level", "why"),
    [
        (token("service_role"), Level.WARNING, "legacy service_role key"),
        (token("anon"), Level.FAILED, "is the anon key"),
        (PUBLISHABLE_KEY, Level.FAILED, "is a publishable key"),
        ("sb_secret_of_another_project", Level.FAILED, "not one of this project"),
        ("sb_secret_ of", Level.FAILED, "a line break, a blank"),
    ],
)
async def test_a_key(doctor: Doctor, stand_in: StandIn, key: str, level: Level, why: str) -> None:
    del stand_in
    checks = await doctor.examined(environment={"KEY": key})
    found = checks["data API"][0]
    assert (found.level, why in f"{found.why} {found.remedy}") == (level, True), found
    assert not [one for findings in checks.values() for one in findings if one.why.endswith("..")]


@pytest.mark.parametrize(("rows", "max_rows", "level"), [(300, 150, Level.OK), (300, 50, Level.WARNING)])
async def test_max_rows_below_a_page(doctor: Doctor, stand_in: StandIn, rows: int, max_rows: int, level: Level) -> None:
    await doctor.superuser.execute(
        "insert into organization_integrations (org_id, integration_type) "
        f"select id, 'xledger' from organizations, generate_series(2, {rows})"
    )
    stand_in.max_rows = max_rows
    found = (await doctor.examined(environment={"KEY": SECRET_KEY}))["data API"][1]
    assert found.level is level
    assert f"300 rows, of which an answer holds {max_rows}: that is the project's max_rows" in found.why


@pytest.mark.skipif(program() is None, reason="the distribution's PgBouncer is not installed")
@pytest.mark.parametrize(
    ("mode", "said"),
    [("session", "through a session pooler."), ("transaction", "through a transaction pooler. Workers poll, and")],
)
async def test_a_pooler_is_named_with_its_mode(doctor: Doctor, mode: str, said: str) -> None:
    async with pgbouncer(doctor.database, mode) as pooler:
        [found] = (await doctor.examined(url=pooler.url))["connection"]
    assert (found.level, said in found.why) == (Level.OK, True), found
