"""The changes that `why` tells of: by the integration that they were about; old ones by their words."""

from __future__ import annotations

import pytest

from synkron.settings.load import SourceTables
from synkron.source.queries import SourceQueries
from tests.conftest import Connection

pytestmark = pytest.mark.each_server

OURS, OTHERS, BOTH = (f'{{"runs": [{runs}]}}' for runs in ('{"run": 7}', '{"run": 8}', '{"run": 8}, {"run": 7}'))
# An entry: its action and subject, what was before, and its integration; and whether run 7 of i1 is told of it.
ENTRIES = (
    ("pause", "integration i1 (xledger of Fjord)", None, "i1", True),
    ("resume", "pause 4", None, "i1", True),
    ("pause", "integration i1", None, None, True),
    ("override", "integration i1 (xledger of Fjord)", '{"timeout": "5m"}', None, True),
    ("pause", "integration i10", None, None, False),
    ("pause", "integration i1", None, "i2", False),
    ("pause", "type xledger", None, None, False),
    ("trigger", "integration i1", None, "i1", False),
    ("backfill", "integration i1", None, None, False),
    ("retry", "run 7", OURS, "i1", True),
    ("retry", "run 7", OURS, None, True),
    ("cancel", "runs 8, 7", BOTH, None, True),
    ("retry", "run 8", OTHERS, "i1", False),
    ("retry", "run 8", OTHERS, None, False),
    ("import", "run 7", '{"runs": "none"}', "i1", False),
)


async def test_it_tells_of_what_was_about_the_integration_or_the_run(connection: Connection) -> None:
    await connection.execute(
        "insert into synkron.audit (author, action, subject, integration_id) "
        "select 'kari', 'pause', 'integration x' || n, 'x' || n from generate_series(1, 2000) n"
    )
    for entry in ENTRIES:
        await connection.execute(
            "insert into synkron.audit (author, action, subject, before, integration_id) "
            "values ('kari', $1, $2, $3, $4)",
            *entry[:-1],
        )
    await connection.execute(
        "insert into synkron.audit (at, author, action, subject, before, integration_id) "
        "select now() - interval '25 hours', 'ola', action, subject, before, integration_id "
        "from synkron.audit where author = 'kari' and subject in ('run 7', 'integration i1')"
    )
    await connection.execute("vacuum analyze synkron.audit")
    statement = SourceQueries(SourceTables()).sql("reports/why/store")["audit"]
    now = await connection.fetchval("select now()")
    found = [tuple(row)[1:] for row in await connection.fetch(statement, [7], "i1", now)]
    retries = [("ola", "retry", "run 7")] * 2
    assert found == [*retries, *(("kari", *entry[:2]) for entry in ENTRIES if entry[-1])]
    plan = await connection.fetch(f"explain (costs off) {statement}", [7], "i1", now)
    assert any("audit_of_integration" in row[0] for row in plan), plan
