"""The database that a room's tests share is after each test as it was before."""

from __future__ import annotations

import asyncpg
import pytest

from tests.conftest import Connection
from tests.support.changes import make_cast
from tests.support.emptied import Kept

RELATIONS = """
    select relnamespace::regnamespace || '.' || relname, relkind = 'S' from pg_class
    where relnamespace in ('synkron'::regnamespace, 'public'::regnamespace) and relkind in ('r', 'S')
    order by 1
"""


async def contents(connection: Connection) -> dict[str, list[object]]:
    """All rows, but for the ledger's id, which is another each time; and the numbers that come next."""
    found: dict[str, list[object]] = {}
    for name, is_sequence in await connection.fetch(RELATIONS):
        row = "last_value, is_called" if is_sequence else "to_jsonb(t)"
        if name == "synkron.installations":
            row += " - 'id'"
        found[name] = [tuple(one) for one in await connection.fetch(f"select {row} from {name} t")]
    return found


async def test_what_was_written_is_gone_and_numbers_begin_again(kept: Kept) -> None:
    before = await contents(kept.connection)
    await make_cast(kept.connection)
    await kept.connection.execute("update synkron.installations set name = 'staging'; set timezone = 'UTC'")
    after = await contents(kept.connection)
    assert {"synkron.installations", "public.organizations", "synkron.pauses", "synkron.pauses_id_seq"} <= {
        name for name, rows in after.items() if rows != before[name]
    }
    await kept.empty()
    assert await contents(kept.connection) == before
    assert await kept.connection.fetchval("select synkron.is_at_home()")
    assert await kept.connection.fetchval("show timezone") != "UTC"


async def test_a_session_that_a_test_has_left_is_ended_with_its_locks(kept: Kept) -> None:
    left = await asyncpg.connect(kept.database.url)
    await left.execute("begin; lock table organizations")
    await kept.empty()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await left.fetchval("select 1")
    left.terminate()


@pytest.mark.parametrize(
    "change",
    [
        "alter table organizations rename timezone to tz",
        "alter table synkron.runs disable trigger runs_keep_their_key",
        "create policy own on organizations using (true)",
        "drop index synkron_due_expressions",
        "grant select on organizations to public",
    ],
)
async def test_a_change_of_the_schema_is_refused(kept: Kept, change: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="needs a database of its own: mark it own_database"):
        await kept.connection.execute(change)
