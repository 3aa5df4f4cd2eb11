"""What the commands say of rows with which nobody can work: each is named, and the others fire."""

from __future__ import annotations

import pytest

from synkron.source.oddity import ODDITIES
from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.statements import execute

pytestmark = pytest.mark.own_database

GOOD = "00000000-0000-4000-9000-0000000000a1"
TWICE = "00000000-0000-4000-9000-0000000000b1"


@pytest.fixture
def odd(database: Database) -> None:
    """One row is in order; two have no id, two have the same, and one has no organization. Zones are numbers."""
    execute(
        database.url,
        "alter table organization_integrations drop constraint organization_integrations_pkey, "
        "alter column id drop not null, alter column org_id drop not null",
        "drop index synkron_due_timezones",
        "alter table organizations alter column timezone type numeric using 0",
        "insert into organizations (name, timezone) values ('Fjord', 60)",
        *(
            f"insert into organization_integrations select {values}, 'xledger', true, '0 2 * * *' from organizations"
            for values in (f"'{GOOD}', id", "null, id", "null, id", f"'{TWICE}', id", f"'{TWICE}', id", "null, null")
        ),
    )


@pytest.mark.usefixtures("odd")
def test_check_names_each_and_ends_with_3(on_database: Command) -> None:
    ended = on_database("check", "--json")
    assert (ended.code, ended.answer["rows"], ended.answer["invalid"]) == (3, 6, 5)
    found = [(one["integration_id"], one["org_id"] == "(null)", one["message"]) for one in ended.answer["findings"]]
    null, twice = ODDITIES["id null"], ODDITIES["id twice"]
    assert sorted(found) == [
        *[("(null)", False, null)] * 2,
        ("(null)", True, null),
        *[(TWICE, False, twice)] * 2,
    ]
    table = on_database("check", "--details")
    assert (table.code, "5 can't run" in table.err) == (3, True)
    assert "(null)" in table.out


@pytest.mark.usefixtures("odd")
def test_the_others_fire(on_database: Command) -> None:
    due = on_database("due", "--at", "2026-03-02T01:00Z", "--json")
    assert [one["integration_id"] for one in due.answer] == [GOOD]
    coming = on_database("next", "--json")
    assert {one["integration_id"] for one in coming.answer} == {GOOD}
    assert [one["timezone"] for one in coming.answer] == ["60"]


@pytest.mark.usefixtures("odd")
def test_why_answers_where_zones_are_numbers(on_database: Command) -> None:
    ended = on_database("why", "--integration", GOOD, "--at", "2026-03-02T01:00Z", "--json")
    assert ended.code == 0, ended.err
