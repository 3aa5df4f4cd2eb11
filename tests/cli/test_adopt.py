"""`adopt`, and what the other commands say of a ledger that is a copy: asked, refused and answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from synkron.postgres.embedded import EmbeddedServer
from tests.cli.conftest import Command
from tests.cli.past import make_past
from tests.support import statements
from tests.support.databases import Database
from tests.support.statements import execute, fetch

pytestmark = pytest.mark.own_database


@pytest.fixture
def copy(
    synkron: Command, server: EmbeddedServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A copy of a database with an hourly integration and two runs under way, on which the commands are called."""
    del synkron  # it takes the address of another database out of the environment
    past = make_past(database.url)
    past.record(1, "running")
    past.record(0, "claimed")
    statements.close()  # as no session may be in what is copied
    name = f"{database.name}_copy"
    admin = server.url(database="postgres", user="postgres")
    execute(admin, f"create database {name} template {database.name} owner synkron")
    monkeypatch.setenv("SYNKRON_DATABASE_URL", server.url(database=name))
    yield server.url(database=name)
    statements.close()
    execute(admin, f"drop database {name} with (force)")


def states(url: str) -> list[str]:
    return [row["state"] for row in fetch(url, "select state from synkron.runs order by scheduled_for")]


@pytest.mark.usefixtures("copy")
def test_a_copy_is_refused_and_named_by_those_that_fire_or_look(synkron: Command) -> None:
    for arguments in (["tick"], ["probe", "xledger"]):
        ended = synkron(*arguments)
        assert ended.code == 6, arguments
        assert ended.err.startswith("error: This ledger is a copy, or was restored from a dump: installation ")
        assert "synkron adopt --as original" in ended.err
    ended = synkron("check", "--json")
    assert (ended.code, ended.answer["invalid"]) == (3, 0)
    assert ended.answer["nothing_is_fired"].startswith("This ledger is a copy")
    assert "error: nothing is fired. This ledger is a copy" in ended.err
    assert synkron("runs").code == 0
    ended = synkron("migrate", "--json")
    assert (ended.code, ended.answer["is_at_home"]) == (0, False)
    assert "not at home" in synkron("migrate").out


def test_a_dry_run_says_what_adopting_would_do(synkron: Command, copy: str) -> None:
    execute(copy, "update synkron.watermark set at = at")
    ended = synkron("adopt", "--as", "copy", "--installation", "staging", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    first, second, third, fourth = ended.out.splitlines()
    assert first.startswith("This ledger: installation ")
    assert second == 'As a copy it gets a new id, and the name "staging". It fires from now on, with keys of its own.'
    assert third == "2 runs not finished in it: skipped here, and delivered by the original."
    assert fourth.startswith("Its incidents are closed")
    assert states(copy) == ["running", "claimed"]
    ended = synkron("adopt", "--as", "original", "--dry-run", "--json")
    assert ended.answer | {"as": "original", "unfinished": 2, "is_at_home": False, "dry_run": True} == ended.answer


def test_a_copy_is_adopted(synkron: Command, copy: str) -> None:
    before = fetch(copy, "select id from synkron.installations")[0]["id"]
    ended = synkron("adopt", "--as", "copy", "--installation", "staging", "--yes", "--author", "kari", "--json")
    assert ended.code == 0
    assert (
        ended.answer | {"as": "copy", "installation_name": "staging", "is_at_home": True, "dry_run": False}
        == ended.answer
    )
    assert ended.answer["installation_id"] != str(before)
    assert states(copy) == ["skipped", "skipped"]
    assert synkron("tick").code == 0
    assert synkron("check").code == 0
    assert "kari: adopt installation" in synkron("audit").out


def test_the_original_is_adopted(synkron: Command, copy: str) -> None:
    ended = synkron("adopt", "--as", "original", "--yes")
    assert ended.code == 0
    assert ended.out.endswith(", and fires.\n")
    assert states(copy) == ["running", "claimed"]
    assert synkron("tick").code == 0


REFUSED: list[tuple[list[str], int, str]] = [
    (["adopt"], 2, "--as"),
    (["adopt", "--as", "both", "--dry-run"], 2, '"both" is neither original nor copy'),
    (["adopt", "--as", "copy"], 2, "there is no terminal to ask at"),
    (["adopt", "--as", "copy", "--installation", "two words", "--yes"], 2, "letters, digits, dots"),
    (["adopt", "--as", "copy", "--installation", "prod", "--yes"], 6, '"prod" is the name of the ledger'),
    (["migrate", "--installation", "staging"], 6, "synkron adopt --as copy --installation staging"),
]


def test_what_is_refused(on_database: Command, database: Database) -> None:
    execute(database.url, "update synkron.installations set name = 'prod'")
    for arguments, code, says in REFUSED:
        ended = on_database(*arguments)
        assert ended.code == code, arguments
        assert says in ended.err, arguments
        assert [row["action"] for row in fetch(database.url, "select action from synkron.audit")] == [], arguments


def test_a_ledger_is_named(on_database: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_database("migrate", "--installation", "prod").out.splitlines()[-1].endswith('("prod").')
    monkeypatch.setenv("SYNKRON_INSTALLATION", "prod")
    assert on_database("tick").code == 0
    monkeypatch.setenv("SYNKRON_INSTALLATION", "staging")
    ended = on_database("tick")
    assert (ended.code, 'settings are for the installation "staging"' in ended.err) == (6, True)
    ended = on_database("check")
    assert (ended.code, 'settings are for the installation "staging"' in ended.err) == (3, True)
    assert on_database("run", "--role", "worker").code == 6
