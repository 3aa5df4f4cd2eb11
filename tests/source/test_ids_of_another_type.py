"""The application gives its ids another type: what Synkron recorded of an id that can't be any more stops nobody."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from synkron.incidents.conditions.store import read_conditions
from synkron.ledger import history
from synkron.model import InvalidIntegration
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Pool
from synkron.reports.overview.calendar import calendar
from synkron.scheduler.plans import plan_ahead, read_planning_clock
from synkron.scheduler.tick import tick
from synkron.service.overview.refresh import refresh
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.scheduler.test_plans import call_pg_cron, install
from tests.support.api import serving, token_of
from tests.support.databases import Database
from tests.support.fleet import watching
from tests.support.working import MOMENT, QUICK, Recorder, claim, working

SETTINGS = Settings(types=QUICK.types, listen="127.0.0.1:0")
UUID = "8c2ee6d2-6a0c-4c5b-9d53-7fd6b1a4a111"
IDS = {
    "smallint": {"9": True, "-9": True, "0": True, "007": False, "+9": False, " 9": False, "32768": False, "": False},
    "int": {"2147483647": True, "2147483648": False, "9.0": False, "1e3": False, "ni": False},
    "bigint": {"9223372036854775807": True, "9223372036854775808": False, "-9223372036854775808": True, "-0": False},
    "numeric": {"9.50": True, "NaN": True, "12345678901234567890": True, "1e3": False, "abc": False, ".5": False},
    "numeric(3,0)": {"9": True, "1000": True},
    "uuid": {UUID: True, UUID.upper(): False, UUID.replace("-", ""): False, f"{{{UUID}}}": False, "9": False},
    "text": {"9": True, "": True, "Fjord xledger": True},
    "varchar(5)": {"Fjord": True, "Fjord xledger": True},
    "char(5)": {"Fjord": True, "9": True, "9 ": False},
    "date": {"2026-03-02": True, "2026-02-30": False, "today": False},
    "public.positive": {"9": True, "-9": False, "abc": False},
    "public.present": {UUID: True, "abc": False},
    "public.colour": {"red": True, "abc": False},
}
TABLES = """
    drop table public.organization_integrations, public.organizations;
    create table public.organizations (id {0} primary key, name text, timezone text);
    create table public.organization_integrations (id {0} primary key, org_id {0} references public.organizations,
        integration_type text, is_enabled boolean, cron_schedule text);
"""
ROW = """
    insert into public.organizations values ('{0}', '{1}', null);
    insert into public.organization_integrations values ('{0}', '{0}', 'xledger', true, '* * * * *');
"""
HELD = "insert into synkron.held values ('{0}', now() - interval '{1}');"
RECORDED = """
    insert into synkron.overrides (integration_id, attempts) values ('{0}', 1);
    insert into synkron.pauses (integration_id, reason, author) values ('{0}', 'month end', 'kari');
    insert into synkron.audit (author, action, subject, integration_id)
        values ('kari', 'pause', 'integration {0}', '{0}');
"""
ASKED = {
    "/v1/status": 200,
    "/v1/pauses": 200,
    "/v1/pauses?type=xledger": 200,
    "/v1/pauses?integration={0}": 200,
    "/v1/overrides": 200,
    "/v1/overrides?type=xledger": 200,
    "/v1/overrides?integration={0}": 200,
    "/v1/audit?integration={0}": 200,
    "/v1/runs?integration={0}": 200,
    "/v1/integrations": 200,
    "/v1/integrations/{0}": 404,
    "/v1/verify": 200,
    f"/v1/why?integration={{0}}&at={MOMENT}Z": 200,
}


@pytest.mark.each_server
async def test_a_text_is_an_id_if_the_column_shows_it_so(connection: Connection) -> None:
    """Each text in a column of each type: it is an id there, or none."""
    await connection.execute("""
        create domain public.positive as int check (value > 0);
        create domain public.present as uuid not null;
        create type public.colour as enum ('red');
    """)
    columns = ", ".join(f'"{kind}" {kind}' for kind in IDS)
    await connection.execute(f"create table public.shown ({columns})")
    found = {
        (kind, text): await connection.fetchval(f'select synkron.id_of($1, (null::public.shown)."{kind}")::text', text)
        for kind, texts in IDS.items()
        for text in texts
    }
    assert found == {
        (kind, text): text if is_id else None for kind, texts in IDS.items() for text, is_id in texts.items()
    }


@pytest.mark.parametrize(
    ("was", "old", "becomes", "new"),
    [
        ("int", "9", "uuid", UUID),
        ("uuid", UUID, "bigint", "9"),
        ("text", "12345678901234567890", "bigint", "9223372036854775807"),
        ("text", "007", "smallint", "7"),
        ("text", "Fjord xledger", "varchar(5)", "Fjord"),
        ("int", "9", "char(1)", "8"),
    ],
)
async def test_what_is_recorded_of_an_id_of_the_old_type_stops_nobody(
    database: Database, connection: Connection, pool: Pool, was: str, old: str, becomes: str, new: str
) -> None:
    await connection.execute(TABLES.format(was) + ROW.format(old, "Fjord"))
    await install(connection, eager=True)
    [run_id] = await claim(connection)
    await connection.execute(RECORDED.format(old) + HELD.format(old, "9 years"))
    await connection.execute(TABLES.format(becomes) + ROW.format(new, "Bakke") + HELD.format(new, "1 hour"))

    caught_up, *_ = (await tick(connection, SETTINGS, scheduler="test")).run_ids
    assert await connection.fetch("select from synkron.held") == []
    await assert_all_is_answered(database, connection, old, new)

    target = Recorder()
    async with watching(database) as until, working(pool, target):
        await until(all_ended)
    assert {call.integration_id for call in target.calls} == {new}
    states = {run.id: (run.state, run.reason) for run in await history.runs(connection)}
    assert states[run_id] == ("skipped", "superseded: the integration was deleted")
    assert states[caught_up][0] == "succeeded"

    now = await database_clock(connection)
    await plan_ahead(connection, SETTINGS, await read_planning_clock(connection), now, anew=True)
    assert await call_pg_cron(connection) > 0, "by the function that was made while the ids had the old type"


async def all_ended(connection: Connection) -> bool:
    """Whether every run has that could start when the tick claimed it."""
    unfinished = "finished_at is null and execute_after <= (select max(at) from synkron.ticks)"
    return bool(await connection.fetchval(f"select count(*) = 0 from synkron.runs where {unfinished}"))


async def assert_all_is_answered(database: Database, connection: Connection, old: str, new: str) -> None:
    """Every question, about all, and about the one that is gone."""
    assert await refresh(connection, SETTINGS) is not None
    invalid = [InvalidIntegration(one, one, "xledger", "it is wrong") for one in (old, new)]
    told = await read_conditions(connection, SETTINGS, (), invalid, await database_clock(connection))
    assert "Bakke" in str(told)
    assert (await calendar(connection, SETTINGS, old, date(2026, 3, 1))).moments
    found: dict[str, Any] = {}
    async with serving(database, SETTINGS) as api:
        asking = api.with_token(await token_of(connection))
        for path, status in ASKED.items():
            answer = await asking.get(path.format(quote(old)))
            assert answer.status == status, (path, answer.text)
            found[path] = answer.content
    assert [one["subject"] for one in found["/v1/pauses"]["items"]] == [f"integration {old} (its row is gone)"]
    # The ledger knows whose it was, and of which type.
    assert found["/v1/pauses?type=xledger"] == found["/v1/pauses"]
    assert found["/v1/overrides?type=xledger"] == found["/v1/overrides"]
    assert [one["integration_id"] for one in found["/v1/overrides"]["items"]] == [old]
    assert [one["integration_id"] for one in found["/v1/integrations"]["items"]] == [new]
