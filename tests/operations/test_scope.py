"""What is in many scopes at once: the same as in each alone, for as many statements as few take."""

from __future__ import annotations

from synkron.model import Scope
from synkron.operations.scope import covered, covered_each
from synkron.operations.transaction import read_transaction
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization

SETTINGS = Settings()


async def scopes(connection: Connection, many: int) -> list[Scope]:
    """Of each kind so many, of what is there and what is not."""
    found = [Scope(), Scope(None, "bufdir"), Scope(None, "fax"), Scope("nobody"), Scope(None, None, "no id")]
    for number in range(many):
        org_id = await add_organization(connection, f"org {number}", "UTC")
        ids = [await add_integration(connection, "0 3 * * *", kind, org_id=org_id) for kind in ("xledger", "bufdir")]
        found += [Scope(org_id), Scope(org_id, "bufdir"), Scope(org_id, "fax"), Scope(None, None, ids[0])]
        found += [Scope(org_id, None, ids[1]), Scope("nobody", None, ids[1]), Scope(None, None, f"no id {number}")]
    return found


async def test_many_scopes_are_read_at_once(connection: Connection) -> None:
    asked = await scopes(connection, 5)
    counts = []
    async with read_transaction(connection):
        for some in (asked[:12], asked):
            sent: list[object] = []
            with connection.query_logger(sent.append):
                found = await covered_each(connection, SETTINGS, some)
            counts.append(len(sent))
        alone = [await covered(connection, SETTINGS, one) for one in asked]
    assert [(one.subject, one.rows) for one in found] == [(one.subject, one.rows) for one in alone]
    assert [len(one.rows) for one in found[:5]] == [10, 5, 0, 0, 0]
    assert counts[0] == counts[1] <= 12
