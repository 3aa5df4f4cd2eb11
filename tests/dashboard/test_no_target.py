"""A service without targets: every page that could say that all is well says what is not, and what to do."""

from __future__ import annotations

from synkron.service.overview.refresh import refresh
from synkron.service.status.store import read_status
from synkron.service.status.verdict import Verdict
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.api import SETTINGS, Api, serving
from tests.support.databases import Database
from tests.support.fleet import add_integration

PAGE = {"Accept": "text/html"}
UNSET = "Nothing is delivered for"
SET = Settings(listen="127.0.0.1:0", types={"xledger": {"target": "http://127.0.0.1:9/"}})


async def test_what_is_not_delivered_is_said(api: Api, database: Database, connection: Connection) -> None:
    async def overview(there: Api = api) -> str:
        await refresh(connection, SETTINGS)
        return (await there.get("/", headers=PAGE)).text

    # With no rows, nothing is skipped; but nothing will be delivered either, and the setup says so.
    assert UNSET not in await overview()
    assert "nothing is delivered until one is set" in (await api.get("/setup", headers=PAGE)).text
    await add_integration(connection, "0 3 * * *", "xledger", enabled=False)
    assert UNSET not in await overview()
    await add_integration(connection, "0 3 * * *", "xledger")
    await add_integration(connection, "0 3 * * *", "bufdir")
    told = await overview()
    assert f"{UNSET} bufdir, xledger" in told
    assert "<code>types.bufdir.target</code>" in told
    status = await read_status(connection, SETTINGS, 3)
    assert (status.verdict is not Verdict.WELL, list(status.without_target)) == (True, ["bufdir", "xledger"])
    # Another process may have the target in its settings: then it was called.
    await connection.execute("insert into synkron.warmth (integration_type, met_at) values ('xledger', now())")
    assert f"{UNSET} bufdir:" in await overview()
    await connection.execute("update synkron.warmth set met_at = now() - interval '2 days'")
    assert f"{UNSET} bufdir, xledger" in await overview()
    async with serving(database, SET) as there:
        reader = there.with_token(api.token)
        assert f"{UNSET} bufdir:" in await overview(reader)
        assert "until one is set" not in (await reader.get("/setup", headers=PAGE)).text
