"""Who may read the two tables (G8): a session sees every row, or it is refused with a sentence that says why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from synkron import read_due_integrations, tick
from synkron.delivery.turn import read_turns
from synkron.errors import ServiceRoleRequired
from synkron.ledger.migrate import migrate
from synkron.settings.load import Settings, SourceTables
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc

pytestmark = pytest.mark.each_server

AT = "2026-03-02T02:00:00"
GRANTED = "grant select on organizations, organization_integrations to ROLE;"
SECURED = f"{GRANTED} alter table organization_integrations enable row level security;"
OF_ALL = "create policy of_all on organization_integrations for select to ROLE using (true);"
OWN = "org_id = nullif(current_setting('test.org', true), '')::uuid"
HIDES, CLAIMS = "Row security hides rows", "the claims of a user"


def with_claims(**claims: object) -> str:
    return f"{GRANTED} alter role ROLE set request.jwt.claims = '{json.dumps(claims)}';"


# What is done as the superuser, with the name of a fresh role in place of ROLE, and what the refusal says.
WRONG = {
    "no policy for anybody": (SECURED, HIDES),
    "a policy that filters": (
        f"{SECURED} create policy own on organization_integrations for select using ({OWN});",
        HIDES,
    ),
    "a policy for another role": (
        f"{SECURED} create policy of_another on organization_integrations for select to service_role using (true);",
        HIDES,
    ),
    "a policy for writing only": (
        f"{SECURED} create policy to_write on organization_integrations for update to ROLE using (true);",
        HIDES,
    ),
    "a restrictive policy beside one that shows all": (
        f"{SECURED} {OF_ALL} create policy own on organization_integrations as restrictive using ({OWN});",
        HIDES,
    ),
    "only the organizations are secured": (
        f"{GRANTED} alter table organizations enable row level security;",
        HIDES,
    ),
    "the claims of a Supabase user": (with_claims(role="authenticated", sub="1"), CLAIMS),
    "claims without a role": (with_claims(sub="1"), CLAIMS),
    "claims that are not JSON": (f"{GRANTED} alter role ROLE set request.jwt.claims = 'authenticated';", CLAIMS),
    "a user who says that he is the service role": (
        with_claims(role="authenticated", user_metadata={"role": "service_role"}),
        CLAIMS,
    ),
    "no grant": ("grant select on organizations to ROLE;", "grant select on public.organizations"),
}
UNDONE = """
    alter role ROLE reset all;
    revoke select on organizations, organization_integrations from ROLE;
    alter table organizations disable row level security;
    alter table organization_integrations disable row level security;
    do $$
    declare
        one name;
    begin
        for one in select polname from pg_policy where polrelid = 'organization_integrations'::regclass loop
            execute format('drop policy %I on organization_integrations', one);
        end loop;
    end $$;
"""
RIGHT = {
    "it bypasses row security": f"{SECURED} alter role ROLE bypassrls;",
    "there is no row security": GRANTED,
    "a policy for it shows every row": f"{SECURED} {OF_ALL}",
    "a policy for everybody shows every row": (
        f"{SECURED} create policy of_all on organization_integrations using (true);"
        f"create policy own on organization_integrations for select using ({OWN});"
    ),
    "a policy for a role that it is a member of": (
        f"{SECURED} create role group_ROLE; grant group_ROLE to ROLE;"
        "create policy of_all on organization_integrations to group_ROLE using (true);"
    ),
    "a restrictive policy takes nothing away": (
        f"{SECURED} {OF_ALL} create policy all_too on organization_integrations as restrictive using (true);"
    ),
    "the claims of the service role": with_claims(role="service_role"),
}


@pytest.fixture
async def superuser(database: Database) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.superuser_url)
    yield opened
    await opened.close()


@pytest.fixture
async def role(superuser: Connection, database: Database) -> AsyncIterator[str]:
    """A role that may use the ledger, and nothing of the application's."""
    name = f"reader_of_{database.name}"
    await superuser.execute(f"create role {name} login")
    await migrate(superuser, grant_to=name)
    yield name
    for one in (name, f"group_{name}"):
        if await superuser.fetchval("select to_regrole($1) is not null", one):
            await superuser.execute(f"drop owned by {one}; drop role {one}")


async def connect_as(role: str, database: Database) -> Connection:
    return await asyncpg.connect(database.url.replace("synkron@", f"{role}@", 1))


# requirement R11
async def test_who_may_not_see_every_row_is_refused(
    connection: Connection, superuser: Connection, database: Database, role: str
) -> None:
    """The reader, the tick and the worker refuse the session; none of them reads a row, and nothing is decided."""
    await add_integration(connection, "* * * * *")
    await tick(connection, Settings(), scheduler="test")
    run_id, *_ = [row["id"] for row in await connection.fetch("select id from synkron.runs")]
    before = await connection.fetch("table synkron.watermark")
    for name, (given, said) in WRONG.items():
        await superuser.execute(given.replace("ROLE", role))
        session = await connect_as(role, database)
        try:
            with pytest.raises(ServiceRoleRequired, match=said):
                await read_due_integrations(utc(AT), session)
            with pytest.raises(ServiceRoleRequired, match=said):
                await tick(session, Settings(), scheduler="test")
            with pytest.raises(ServiceRoleRequired, match=said):
                await read_turns(session, SourceQueries(SourceTables()), [run_id], Settings())
        except BaseException as failure:
            failure.add_note(name)
            raise
        await session.close()
        assert await connection.fetch("table synkron.watermark") == before, name
        await superuser.execute(UNDONE.replace("ROLE", role))


# requirement R11
@pytest.mark.parametrize("given", RIGHT.values(), ids=RIGHT)
async def test_who_sees_every_row_needs_no_more(
    connection: Connection, superuser: Connection, database: Database, role: str, given: str
) -> None:
    mine = await add_integration(connection, "* * * * *")
    other = await add_integration(connection, "* * * * *")
    await superuser.execute(given.replace("ROLE", role))
    session = await connect_as(role, database)
    assert {one.integration_id for one in await read_due_integrations(utc(AT), session)} == {mine, other}
    done = await tick(session, Settings(), scheduler="test")
    turns = await read_turns(session, SourceQueries(SourceTables()), done.run_ids, Settings())
    assert {turn.live.integration_id for turn in turns if turn and turn.live} == {mine, other}
    await session.close()


async def test_a_policy_can_not_change_while_rows_are_read(
    connection: Connection, superuser: Connection, database: Database, role: str
) -> None:
    """What was found when the transaction began holds until it ends."""
    await add_integration(connection, "* * * * *")
    await superuser.execute(RIGHT["a policy for it shows every row"].replace("ROLE", role))
    session = await connect_as(role, database)
    await superuser.execute("set lock_timeout = '100ms'")
    async with SourceQueries(SourceTables()).reading(session):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await superuser.execute("alter policy of_all on organization_integrations using (false)")
    await superuser.execute("alter policy of_all on organization_integrations using (false)")
    with pytest.raises(ServiceRoleRequired, match=HIDES):
        await read_due_integrations(utc(AT), session)
    await session.close()


async def test_a_view_does_not_hide_what_a_policy_takes_away(
    connection: Connection, superuser: Connection, database: Database, role: str
) -> None:
    """A view over a secured table has no policy of its own; the read fails rather than returning fewer rows."""
    await add_integration(connection, "* * * * *")
    await superuser.execute(
        f"{SECURED} create view seen with (security_invoker = true) as table organization_integrations;"
        f"grant select on seen to {role}".replace("ROLE", role)
    )
    session = await connect_as(role, database)
    tables = SourceTables.model_validate({"integrations": {"table": "seen"}})
    with pytest.raises(ServiceRoleRequired, match=HIDES):
        await read_due_integrations(utc(AT), session, tables=tables)
    await session.close()
