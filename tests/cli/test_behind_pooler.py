"""The commands behind the distribution's PgBouncer in each mode."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.pgbouncer import PgBouncer, pgbouncer, program
from tests.support.statements import execute

pytestmark = pytest.mark.skipif(program() is None, reason="the distribution's PgBouncer is not installed")

ADD = """
    with one as (insert into organizations (name) values ('Fjord') returning id)
    insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule)
    select id, 'xledger', true, '* * * * *' from one
"""


@pytest.fixture
async def session(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PgBouncer]:
    async with pgbouncer(database, "session") as running:
        monkeypatch.setenv("SYNKRON_DATABASE_URL", running.url)
        yield running


@pytest.fixture
async def transaction(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PgBouncer]:
    async with pgbouncer(database, "transaction", default_pool_size=1) as running:
        monkeypatch.setenv("SYNKRON_DATABASE_URL", running.url)
        yield running


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_the_commands_answer(synkron: Command, database: Database, request: pytest.FixtureRequest, mode: str) -> None:
    request.getfixturevalue(mode)
    execute(database.url, ADD)
    assert synkron("tick", "--json").answer["claimed"] == 1
    assert [run["state"] for run in synkron("runs", "--json").answer] == ["claimed"]
    for command in ("check", "due", "next", "forecast", "nodes", "incidents", "audit", "verify"):
        ended = synkron(command)
        assert ended.code == 0, (command, ended.err)


@pytest.mark.own_database
def test_migrate_works_in_session_mode(synkron: Command, session: PgBouncer) -> None:
    del session
    assert synkron("migrate", "--with-source-tables", "--with-index", "--json").answer["applied"] == []


def test_migrate_needs_a_session(synkron: Command, transaction: PgBouncer) -> None:
    """Its lock would stay on a server that others use."""
    del transaction
    ended = synkron("migrate")
    assert (ended.code, ended.out) == (6, "")
    assert "this connection is behind a pooler in transaction mode" in " ".join(ended.err.split())


@pytest.mark.own_database
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_role_from_which_rows_are_hidden_is_refused(
    synkron: Command,
    database: Database,
    role: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    pooler: PgBouncer = request.getfixturevalue(mode)
    execute(
        database.superuser_url,
        f"grant usage on schema synkron to {role}; grant all on all tables in schema synkron to {role}",
        f"grant select on all tables in schema public to {role}",
        "alter table organizations enable row level security",
    )
    monkeypatch.setenv("SYNKRON_DATABASE_URL", pooler.url.replace("synkron@", f"{role}@", 1))
    ended = synkron("check")
    assert (ended.code, ended.out) == (6, "")
